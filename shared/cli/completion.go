package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
)

// NewCompletionCommand is `completion install|uninstall|SHELL`.
//
// kubectl (1.26 and later) completes a plugin's arguments by running a program
// kubectl_complete-NAME from PATH and reading cobra's answer. krew cannot
// install a second file beside a plugin (krew issue 812), so the plugin does it
// itself.
func NewCompletionCommand(env *Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "completion SHELL",
		Short: "Complete this plugin's arguments with Tab: install, uninstall, or a script for a shell",
		Long: `Install puts a small program, kubectl_complete-NAME, beside the plugin, so that
kubectl (1.26 and later) completes "kubectl NAME ..." in every shell in which
kubectl's own completion is on. Uninstall takes it away again; do so before
"kubectl krew uninstall", which does not know of it.

With the name of a shell it prints a completion script for the binary called by
its own name (kubectl-NAME).

kubectl for Windows calls the plugin NAME.exe when it completes, and finds
nothing after "kubectl NAME". A file kubectl-NAME without an extension tells it
the name: install makes that too there, and "kubectl plugin list" warns of it.`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(cmd *cobra.Command, args []string) error {
			// The scripts are about a program's name, not about its commands,
			// for which they ask it.
			program := &cobra.Command{Use: "kubectl-" + cmd.Root().Name()}
			switch args[0] {
			case "bash":
				return program.GenBashCompletionV2(env.Out, true)
			case "zsh":
				return program.GenZshCompletion(env.Out)
			case "fish":
				return program.GenFishCompletion(env.Out, true)
			default:
				return program.GenPowerShellCompletionWithDesc(env.Out)
			}
		},
	}
	var dir string
	install := &cobra.Command{
		Use:   "install [--dir DIR]",
		Short: "Make kubectl complete this plugin's arguments",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			files, err := completerFiles(cmd.Root().Name(), dir)
			if err != nil {
				return err
			}
			for _, f := range files {
				if err := f.install(); err != nil {
					return err
				}
				fmt.Fprintf(env.Out, "created %s\n", f.path)
			}
			return nil
		},
	}
	uninstall := &cobra.Command{
		Use:   "uninstall [--dir DIR]",
		Short: "Take away what install made",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			files, err := completerFiles(cmd.Root().Name(), dir)
			if err != nil {
				return err
			}
			for _, f := range files {
				removed, err := f.uninstall()
				if err != nil {
					return err
				}
				if !removed {
					fmt.Fprintf(env.ErrOut, "nothing to do: there is no %s\n", f.path)
					continue
				}
				fmt.Fprintf(env.Out, "removed %s\n", f.path)
			}
			return nil
		},
	}
	for _, s := range []*cobra.Command{install, uninstall} {
		s.Flags().StringVar(&dir, "dir", "", "Folder on PATH to use (default: the one that holds the plugin)")
		c.AddCommand(s)
	}
	return c
}

// completerMark is in every file that install writes; nothing else is ever
// replaced or removed.
const completerMark = "written by \"completion install\""

// completer is a file that install writes.
type completer struct{ path, text string }

// completerFiles are the files for a plugin, in dir or beside the plugin.
func completerFiles(plugin, dir string) ([]completer, error) {
	if dir == "" {
		found, err := exec.LookPath("kubectl-" + plugin)
		if err != nil {
			return nil, WithHint(Usagef("completion: kubectl-%s is not on PATH, so its folder is not known", plugin),
				"name a folder that is on PATH with --dir")
		}
		dir = filepath.Dir(found)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, Usagef("completion: --dir %s: %w", dir, err)
	}
	program := filepath.Join(abs, "kubectl_complete-"+plugin)
	if runtime.GOOS != "windows" {
		return []completer{{program, fmt.Sprintf("#!/bin/sh\n# %s\nexec kubectl %s __complete \"$@\"\n", completerMark, plugin)}}, nil
	}
	return []completer{
		{program + ".cmd", fmt.Sprintf("@rem %s\r\n@kubectl %s __complete %%*\r\n", completerMark, plugin)},
		// kubectl keeps the extension in a plugin's name when it completes
		// (k8s.io/kubectl/pkg/cmd/plugin, registerPluginCommands), so that it knows
		// a NAME.exe only. It looks at the names of files alone.
		{filepath.Join(abs, "kubectl-"+plugin), fmt.Sprintf("%s\r\nBy the name of this file kubectl for Windows knows what to complete.\r\n", completerMark)},
	}, nil
}

func (f completer) install() error {
	if old, err := os.ReadFile(f.path); err == nil && !strings.Contains(string(old), completerMark) {
		return WithHint(Usagef("%s: a file that this command did not write; left as it is", f.path),
			"remove it, or choose another folder with --dir")
	}
	tmp := f.path + ".new"
	if err := os.WriteFile(tmp, []byte(f.text), 0o755); err != nil {
		return WithHint(Usagef("completion: %w", err), "choose a folder you may write, and that is on PATH, with --dir")
	}
	if err := os.Rename(tmp, f.path); err != nil {
		os.Remove(tmp)
		return Usagef("completion: %w", err)
	}
	return nil
}

func (f completer) uninstall() (bool, error) {
	old, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, Usagef("completion: %w", err)
	}
	if !strings.Contains(string(old), completerMark) {
		return false, WithHint(Usagef("%s: not written by this command; left as it is", f.path), "remove it by hand if it shall go")
	}
	if err := os.Remove(f.path); err != nil {
		return false, Usagef("completion: %w", err)
	}
	return true, nil
}
