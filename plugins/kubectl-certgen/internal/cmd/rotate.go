package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/rotate"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

type rotateOptions struct {
	dir, which, stage, passphrase, format string
	days                                  int
	dryRun                                bool
}

func newRotate(env *cli.Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Replace a CA of a cluster, in stages",
	}
	c.AddCommand(newRotateCA(env))
	return c
}

func newRotateCA(env *cli.Env) *cobra.Command {
	o := &rotateOptions{}
	c := &cobra.Command{
		Use:   "ca [--stage next|prepare|trust|sign|finish|rollback] [--dry-run]",
		Short: "Replace a CA of a kubeadm-style cluster, in stages",
		Long: fold.Wrap(`Replace a CA of a kubeadm-style cluster in four stages, so that at every moment each
server is trusted by each client: prepare (make the new one), trust (everybody trusts
both), sign (certificates of the new one), finish (the old one is no longer trusted).

Without --stage it prints where the rotation stands, the whole plan, which files a
stage changes, what must be restarted, what must hold before the next stage, and the
way back. --stage carries out the file part of one stage on this node. The stage comes
from the files, so every control-plane node is done on its own and in its own time.`, 79),
		Example: `
			kubectl certgen rotate ca
			kubectl certgen rotate ca --stage next --dry-run
			sudo kubectl certgen rotate ca --stage trust
			sudo kubectl certgen rotate ca --stage rollback
			kubectl certgen rotate ca --ca etcd`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return o.run(env) },
	}
	fl := c.Flags()
	stages := []string{"next", "prepare", "trust", "sign", "finish", "rollback"}
	fl.StringVar(&o.stage, "stage", "", "Carry out a stage: "+strings.Join(stages, ", "))
	fl.StringVar(&o.which, "ca", "cluster", "Which CA: cluster, front-proxy or etcd")
	fl.StringVar(&o.dir, "dir", "/etc/kubernetes", "Folder of the node: pki/ and the kubeconfigs")
	fl.IntVar(&o.days, "days", 0, "Days that the new CA lasts (default: as long as the old one)")
	fl.StringVar(&o.passphrase, "ca-passphrase-file", "", "File with the passphrase of the CA's key")
	fl.BoolVar(&o.dryRun, "dry-run", false, "Show what the stage would change; nothing is written")
	fl.StringVarP(&o.format, "output", "o", "text", "Output format: text, json, yaml")
	completeFormats(c, "text", "json", "yaml")
	_ = c.RegisterFlagCompletionFunc("stage", cobra.FixedCompletions(stages, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("ca", cobra.FixedCompletions([]string{"cluster", "front-proxy", "etcd"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (o *rotateOptions) run(env *cli.Env) error {
	if o.format != "text" && o.format != "json" && o.format != "yaml" {
		return cli.Usagef("-o %q: not one of text, json, yaml", o.format)
	}
	if !slices.Contains(rotate.Whiches, rotate.Which(o.which)) {
		return cli.Usagef("--ca %q: not one of cluster, front-proxy, etcd", o.which)
	}
	if _, err := days("--days", o.days, 1); err != nil {
		return err
	}
	// The plan alone changes nothing.
	finished, err := settle(env, o.dryRun || o.stage == "", o.dir)
	if err != nil {
		return err
	}
	s, err := rotate.Read(o.dir, rotate.Which(o.which))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return cli.WithHint(cli.Usagef("%w: not the folder of a kubeadm-style control-plane node", err), "name it with --dir")
		}
		return cli.Usagef("%w", err)
	}
	if o.stage == "" {
		return o.plan(env, s)
	}
	stage := rotate.Stage(o.stage)
	if o.stage == "next" {
		stage = s.Next()
		if stage == rotate.None {
			return cli.WithHint(cli.Usagef("the rotation of the %s CA is finished", o.which), "another one begins when its files *-next.*, *-old.* and *.rolled-back are moved away")
		}
	}
	if stage != rotate.Rollback && !slices.Contains(rotate.Stages, stage) {
		return cli.Usagef("--stage %q: not one of next, prepare, trust, sign, finish, rollback", o.stage)
	}
	if finished > 0 && stage == s.Done {
		return o.done(env, s, stage, nil)
	}
	changes, err := s.Plan(stage, rotate.Options{Days: o.days, Now: env.Now(), Unlock: (&renewOptions{passphrase: o.passphrase}).unlock})
	if err != nil {
		return cli.Usagef("%w", err)
	}
	if err := s.Commit(changes, o.dryRun); err != nil {
		return notWritten(err)
	}
	return o.done(env, s, stage, changes)
}

func (o *rotateOptions) done(env *cli.Env, s *rotate.State, stage rotate.Stage, changes []rotate.Change) error {
	if o.format != "text" {
		var list []map[string]string
		for _, c := range changes {
			list = append(list, map[string]string{"file": c.Rel, "what": c.What})
		}
		return writeAny(env, o.format, map[string]any{"apiVersion": apiVersion, "kind": "RotateStage", "ca": o.which, "stage": string(stage), "dryRun": o.dryRun, "changes": list, "guide": guideOf(s.Which, stage)})
	}
	st, w := env.Style(env.Out), env.Out
	word := "done: "
	if o.dryRun {
		word = "would do: "
	}
	fmt.Fprintf(w, "%s%s   %d %s in %s\n", word, st.Bold(string(stage)), len(changes), plural(len(changes), "file", "files"), s.Root)
	for _, c := range changes {
		fold.Under(w, fmt.Sprintf("  %-34s ", c.Rel), c.What, env.Width())
	}
	if g := guideOf(s.Which, stage); g != nil {
		fmt.Fprintln(w)
		writeGuide(env, *g)
	}
	return nil
}

func guideOf(w rotate.Which, stage rotate.Stage) *rotate.Guide {
	for _, g := range rotate.Guides(w) {
		if g.Stage == stage {
			return &g
		}
	}
	return nil
}

func writeGuide(env *cli.Env, g rotate.Guide) {
	list := func(name string, lines []string) {
		for i, l := range lines {
			if i > 0 {
				name = ""
			}
			field(env.Out, name, l, env.Width())
		}
	}
	list("elsewhere", g.Elsewhere)
	list("by itself", g.Itself)
	list("restart", g.Restart)
	list("gate", g.Gate)
	list("back", []string{g.Back})
}

func (o *rotateOptions) plan(env *cli.Env, s *rotate.State) error {
	next := s.Next()
	if o.format != "text" {
		var leaves []map[string]any
		for _, l := range s.Leaves {
			leaves = append(leaves, map[string]any{"where": l.Item.Where(), "byNewCA": l.ByNew})
		}
		return writeAny(env, o.format, map[string]any{"apiVersion": apiVersion, "kind": "RotatePlan", "ca": o.which, "done": string(s.Done), "next": string(next),
			"leaves": leaves, "kubeconfigs": s.Kubeconfigs, "stages": rotate.Guides(s.Which)})
	}
	st, w := env.Style(env.Out), env.Out
	switch {
	case s.Done == rotate.None:
		fold.Hang(w, "", "  ", fmt.Sprintf("%s   not begun: %s, until %s; %d certificates of it here", st.Bold("rotation of the "+o.which+" CA"), inspect.NameString(s.Old.RawSubject), s.Old.NotAfter.UTC().Format("2006-01-02"), len(s.Leaves)), env.Width())
	case next == rotate.None:
		fmt.Fprintf(w, "%s   finished: %s, until %s\n", st.Bold("rotation of the "+o.which+" CA"), inspect.NameString(s.New.RawSubject), s.New.NotAfter.UTC().Format("2006-01-02"))
	default:
		fmt.Fprintf(w, "%s   done up to %s, next is %s\n", st.Bold("rotation of the "+o.which+" CA"), s.Done, next)
	}
	if env.Now().After(s.Old.NotAfter) && s.Done != rotate.Finish {
		fold.Under(w, "", st.Error("The old CA has expired: no client trusts anything of it any more, so there is nothing left to spare. Do the four stages at once on every node, hand out the new CA and the new kubeconfigs, and restart everything."), env.Width())
	}
	for i, g := range rotate.Guides(s.Which) {
		mark := ""
		switch {
		case slices.Index(rotate.Stages, g.Stage) <= slices.Index(rotate.Stages, s.Done):
			mark = "   (done)"
		case g.Stage == next:
			mark = "   (next)"
		}
		fmt.Fprintf(w, "\n%d %s   %s%s\n", i+1, st.Bold(string(g.Stage)), g.Title, mark)
		writeGuide(env, g)
	}
	if next != rotate.None {
		fmt.Fprintf(w, "\nNext: kubectl certgen rotate ca --ca %s --dir %s --stage %s --dry-run\n", o.which, o.dir, next)
	}
	return nil
}
