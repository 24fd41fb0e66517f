package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/profile"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

func newInit(env *cli.Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "init [PROFILE]",
		Short: "Print a ready-made policy, or list them",
		Long: cli.Dedent(`
			Print a ready-made, commented audit policy. Without a name, list the profiles
			from the least to the most that they record.`),
		Example: cli.Dedent(`
			# What is there?
			kubectl auditpolicy init

			# Take one, and what switches it on
			kubectl auditpolicy init security > policy.yaml
			kubectl auditpolicy backend log --for kubeadm

			# What would it keep of what you log today?
			kubectl auditpolicy init security | kubectl auditpolicy replay - --log audit.log`),
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var out []string
			for _, p := range profile.All {
				out = append(out, p.Name+"\t"+p.Title)
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkReportFormat(format); err != nil {
				return err
			}
			if len(args) == 0 {
				return listProfiles(env, format)
			}
			_, text, ok := profile.Find(args[0])
			if !ok {
				return cli.WithHint(cli.Usagef("profile %q: there is none of this name", args[0]),
					"the profiles are "+strings.Join(profile.Names(), ", "))
			}
			if format != "text" {
				return cli.Usagef("-o %s: a profile is printed as the YAML that it is; -o is for the list", format)
			}
			_, err := env.Out.Write(text)
			return err
		},
	}
	addReportFormat(c, &format)
	return c
}

func listProfiles(env *cli.Env, format string) error {
	list := map[string]any{"apiVersion": apiVersion, "kind": "ProfileList", "items": profile.All}
	if done, err := env.WriteReport(format, cli.Report{Value: list}); done {
		return err
	}
	st := env.Style(env.Out)
	for _, p := range profile.All {
		fold.Under(env.Out, st.Bold(fmt.Sprintf("%-17s", p.Name))+" ", p.Title, env.Width())
		fold.Under(env.Out, fmt.Sprintf("%18s", ""), fmt.Sprintf("%s (after %s)", p.Use, p.After), env.Width())
	}
	fmt.Fprintln(env.Out, "\nPrint one with: kubectl auditpolicy init security > policy.yaml")
	return nil
}
