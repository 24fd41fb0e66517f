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
its own name (kubectl-NAME).`,
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
			path, err := completerPath(env, cmd.Root().Name(), dir)
			if err != nil {
				return err
			}
			if err := installCompleter(path, cmd.Root().Name()); err != nil {
				return err
			}
			fmt.Fprintf(env.Out, "created %s\n", path)
			return nil
		},
	}
	uninstall := &cobra.Command{
		Use:   "uninstall [--dir DIR]",
		Short: "Take away what install made",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := completerPath(env, cmd.Root().Name(), dir)
			if err != nil {
				return err
			}
			removed, err := uninstallCompleter(path)
			if err != nil {
				return err
			}
			if !removed {
				fmt.Fprintf(env.ErrOut, "nothing to do: there is no %s\n", path)
				return nil
			}
			fmt.Fprintf(env.Out, "removed %s\n", path)
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

func completerPath(env *Env, plugin, dir string) (string, error) {
	if dir == "" {
		found, err := exec.LookPath("kubectl-" + plugin)
		if err != nil {
			return "", WithHint(Usagef("completion: kubectl-%s is not on PATH, so its folder is not known", plugin),
				"name a folder that is on PATH with --dir")
		}
		dir = filepath.Dir(found)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", Usagef("completion: --dir %s: %w", dir, err)
	}
	name := "kubectl_complete-" + plugin
	if runtime.GOOS == "windows" {
		name += ".cmd"
	}
	return filepath.Join(dir, name), nil
}

func installCompleter(path, plugin string) error {
	if old, err := os.ReadFile(path); err == nil && !strings.Contains(string(old), completerMark) {
		return WithHint(Usagef("%s: a file that this command did not write; left as it is", path),
			"remove it, or choose another folder with --dir")
	}
	script := fmt.Sprintf("#!/bin/sh\n# %s\nexec kubectl %s __complete \"$@\"\n", completerMark, plugin)
	if runtime.GOOS == "windows" {
		script = fmt.Sprintf("@rem %s\r\n@kubectl %s __complete %%*\r\n", completerMark, plugin)
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, []byte(script), 0o755); err != nil {
		return WithHint(Usagef("completion: %w", err), "choose a folder you may write, and that is on PATH, with --dir")
	}
	if err := os.Rename(tmp, path); err != nil {
		os.Remove(tmp)
		return Usagef("completion: %w", err)
	}
	return nil
}

func uninstallCompleter(path string) (bool, error) {
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, Usagef("completion: %w", err)
	}
	if !strings.Contains(string(old), completerMark) {
		return false, WithHint(Usagef("%s: not written by this command; left as it is", path), "remove it by hand if it shall go")
	}
	if err := os.Remove(path); err != nil {
		return false, Usagef("completion: %w", err)
	}
	return true, nil
}
