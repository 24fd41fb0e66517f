package cmd

import (
	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/eject"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/inject"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/source"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

func newEject(env *cli.Env) *cobra.Command {
	var files []string
	var recursive, inPlace bool
	var format string
	var cluster *cli.Cluster
	c := &cobra.Command{
		Use:   "eject (-f FILE | KIND/NAME...)",
		Short: "Take an injection out of manifests again",
		Long: cli.Dedent(`
			Takes out what 'inject' put in and writes the manifest to stdout. A manifest
			that was not edited in between comes out byte for byte as it was before.`),
		Example: `
			kubectl logarch eject -f app.yaml
			kubectl logarch eject -f manifests/ --in-place`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: cli.CompleteWorkloads,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(files) == 0 && len(args) == 0 {
				return cli.Usagef("nothing to eject from: give -f FILE or KIND/NAME")
			}
			if format != "" {
				if err := oneOf("output", format, "yaml", "json"); err != nil {
					return err
				}
			}
			if err := asTheyCame(inPlace, format); err != nil {
				return err
			}
			texts, err := source.Read(cmd.Context(), env.In, files, recursive)
			if err != nil {
				return cli.Usagef("%w", err)
			}
			live, err := readLive(cmd.Context(), cluster, args)
			if err != nil {
				return err
			}
			texts = append(texts, live...)
			var outcomes []*inject.Outcome
			for _, t := range texts {
				f, err := manifest.Read(t.Name, t.Body)
				if err != nil {
					return bad(err)
				}
				text, removed := eject.File(f)
				for _, r := range removed {
					env.Tell("%s: %s: %s", t.Name, r.Workload.Ref(), r.Describe())
				}
				switch {
				case len(removed) > 0:
				case text == t.Body:
					env.Tell("%s: nothing of ours in it; unchanged", t.Name)
				default:
					env.Tell("%s: the ConfigMap of an injection removed", t.Name)
				}
				outcomes = append(outcomes, inject.NewOutcome(t.Name, text))
			}
			return writeManifests(env, format, inPlace, texts, outcomes)
		},
	}
	fs := c.Flags()
	fs.StringSliceVarP(&files, "filename", "f", nil, "Manifest: a file, a directory, a URL, or - for stdin")
	fs.BoolVarP(&recursive, "recursive", "R", false, "Read directories with those below them")
	fs.BoolVar(&inPlace, "in-place", false, "Write the files back, each in one step")
	fs.StringVarP(&format, "output", "o", "", "Output format: yaml, json (default: as it came)")
	cluster = cli.ClusterFlags(fs)
	complete(c, "output", "yaml", "json")
	return c
}
