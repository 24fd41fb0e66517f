package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clusterwright/kubectl-plugins/shared/spelling"
)

// wrongFlag says what is wrong with a flag in words of this house: pflag's own
// name the Go function that could not read the value.
func wrongFlag(c *cobra.Command, err error) error {
	more := fmt.Sprintf("see '%s --help'", c.CommandPath())
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var bad *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if letters := unknown.GetSpecifiedShortnames(); letters != "" {
			return WithHint(Usagef("unknown flag: -%s", letters[:1]), more)
		}
		if near := nearFlag(c, name); near != "" {
			more = fmt.Sprintf("did you mean --%s?", near)
		}
		return WithHint(Usagef("unknown flag: --%s", name), more)
	case errors.As(err, &empty):
		return WithHint(Usagef("%s: a value is missing", flagName(empty.GetFlag())), flagHelp(empty.GetFlag()))
	case errors.As(err, &bad):
		f := bad.GetFlag()
		if form := formOf(f.Value.Type()); form != "" {
			return WithHint(Usagef("%s %q: not %s", flagName(f), bad.GetValue(), form), flagHelp(f))
		}
		return WithHint(Usagef("%s %q: %w", flagName(f), bad.GetValue(), errors.Unwrap(bad)), flagHelp(f))
	}
	return WithHint(Usagef("%w", err), more)
}

// formOf is what the value of a flag of some type looks like.
func formOf(kind string) string {
	switch kind {
	case "int", "int32", "int64", "count":
		return "a whole number such as 10"
	case "uint", "uint16", "uint32", "uint64":
		return "a whole number such as 10, and not negative"
	case "float32", "float64":
		return "a number such as 0.5"
	case "bool":
		return "one of true, false"
	case "duration":
		return "a time such as 30s, 10m or 24h"
	case "level":
		return "a log level such as 6"
	}
	return ""
}

func flagName(f *pflag.Flag) string {
	if f.Shorthand != "" && f.ShorthandDeprecated == "" {
		return fmt.Sprintf("-%s, --%s", f.Shorthand, f.Name)
	}
	return "--" + f.Name
}

// flagHelp is a flag's line of the help.
func flagHelp(f *pflag.Flag) string {
	kind, text := pflag.UnquoteUsage(f)
	if !slices.Contains([]string{"", "[]", "0", "0s", "false"}, f.DefValue) && !strings.Contains(text, "default") {
		text += fmt.Sprintf(" (default %s)", f.DefValue)
	}
	return strings.TrimSpace(fmt.Sprintf("--%s %s", f.Name, kind)) + ": " + text
}

// nearFlag is the flag that a mistyped name was likely meant to be, "" where
// none is near.
func nearFlag(c *cobra.Command, name string) string {
	best, least := "", 1+len(name)/3
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if d := spelling.Distance(name, f.Name); !f.Hidden && d <= least && (best == "" || d < least) {
			best, least = f.Name, d
		}
	})
	return best
}

// wrongArgs says what is wrong with arguments that check, a command's own,
// refuses: a word that is not one of those it knows, one too many, or one that is
// missing.
func wrongArgs(c *cobra.Command, args []string, check cobra.PositionalArgs) error {
	use := "usage: " + c.UseLine()
	var known []string
	for _, w := range c.ValidArgs {
		word, _, _ := strings.Cut(w, "\t")
		known = append(known, word)
	}
	for _, s := range c.Commands() {
		if len(known) > 0 && s.IsAvailableCommand() {
			known = append(known, s.Name())
		}
	}
	for _, a := range args {
		if len(known) > 0 && !slices.Contains(known, a) {
			return WithHint(Usagef("%s %q: not one of %s", c.CommandPath(), a, strings.Join(known, ", ")), use)
		}
	}
	for n := len(args) - 1; n >= 0; n-- {
		if check(c, args[:n]) == nil {
			return WithHint(Usagef("%s: unexpected argument %q", c.CommandPath(), args[n]), use)
		}
	}
	if len(known) > 0 {
		return WithHint(Usagef("%s: an argument is missing, one of %s", c.CommandPath(), strings.Join(known, ", ")), use)
	}
	return WithHint(Usagef("%s: an argument is missing", c.CommandPath()), use)
}
