package cmd

import (
	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/recipe"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// recipeFlags take what a certificate is to be from another tool's file.
type recipeFlags struct{ file, section, config, configProfile string }

func (r *recipeFlags) addTo(c *cobra.Command, signs bool) {
	c.Flags().StringVarP(&r.file, "filename", "f", "", "Take subject, names and key from a csr.conf (openssl), a CSR JSON (cfssl) or vars (easyrsa), - for stdin")
	c.Flags().StringVar(&r.section, "section", "", "Section of the csr.conf that describes the request (default: req, or the only one)")
	if signs {
		c.Flags().StringVar(&r.config, "config", "", "Take validity and usages from a cfssl config JSON")
		c.Flags().StringVar(&r.configProfile, "profile", "", "Profile of --config (default: its default)")
	}
}

// fileRecipe is what the files say.
type fileRecipe struct{ *recipe.Recipe }

// read reads the files; nil where none is given.
func (r *recipeFlags) read(env *cli.Env) (*fileRecipe, error) {
	if r.file == "" {
		if r.config != "" || r.configProfile != "" {
			return nil, cli.Usagef("--config and --profile say how the request of -f is signed: give -f too")
		}
		if r.section != "" {
			return nil, cli.Usagef("--section is one of a csr.conf: give that by -f")
		}
		return nil, nil
	}
	data, err := readInput(env, r.file)
	if err != nil {
		return nil, err
	}
	name := r.file
	if name == "-" {
		name = "stdin"
	}
	x, err := recipe.Read(name, data, r.section)
	if err != nil {
		return nil, cli.Usagef("%w", err)
	}
	if r.config == "" {
		if r.configProfile != "" {
			return nil, cli.Usagef("--profile is one of --config: give that too")
		}
		return &fileRecipe{x}, nil
	}
	if data, err = readInput(env, r.config); err != nil {
		return nil, err
	}
	if err := x.Config(r.config, data, r.configProfile); err != nil {
		return nil, cli.Usagef("%w", err)
	}
	return &fileRecipe{x}, nil
}

// apply puts what the files say where the flags said nothing.
func (r *fileRecipe) apply(o *serverOptions) {
	if len(r.Subject) > 0 {
		o.request.Subject = r.Subject
	}
	if r.Purpose == profile.Peer || r.Purpose == profile.Client {
		o.request.Purpose = r.Purpose
	}
	if o.request.Validity == 0 {
		o.request.Validity = r.Validity
	}
}
