// Package cli is what the four plugins have in common at the edge of the
// process: streams, signals, errors that become exit statuses, help, version,
// completion, and the policy for colour and width. A command line tool is
// trusted when it behaves the same everywhere; this package is that sameness.
package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/clusterwright/kubectl-plugins/shared/fold"
	_ "github.com/clusterwright/kubectl-plugins/shared/startup" // first, before the types of k8s.io
)

// Env is everything of the process that a command may touch. Tests make their
// own.
type Env struct {
	genericiooptions.IOStreams
	// Now is the clock.
	Now func() time.Time
	// Getenv reads an environment variable.
	Getenv func(string) string

	color   string
	columns int    // tests: the streams are a terminal of this width
	plugin  string // the program's name, kubectl-NAME
}

// NewEnv returns the environment of this process.
func NewEnv() *Env {
	return &Env{
		IOStreams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Now:       time.Now,
		Getenv:    os.Getenv,
		color:     "auto",
	}
}

// Main runs a plugin: args as in os.Args, the result is the exit status.
func Main(newRoot func(*Env) *cobra.Command, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal cancels the context; a second one must kill a command
	// that does not listen.
	context.AfterFunc(ctx, stop)
	return Run(ctx, NewEnv(), newRoot, args[1:])
}

// Run is Main with the process's edges given: args are those after the program
// name, and cancelling ctx is the user's Ctrl-C.
func Run(ctx context.Context, env *Env, newRoot func(*Env) *cobra.Command, args []string) int {
	quietKlog(env.ErrOut)
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	out := &sink{Writer: env.Out}
	env.Out = out
	defer func() { env.Out = out.Writer }()
	root := Tree(env, newRoot)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil {
		fmt.Fprintln(env.ErrOut, "interrupted")
		return ExitInterrupted
	}
	switch lost := out.failed(); {
	case lost == nil:
	case readerGone(lost): // head and less have seen enough
		if readerGone(err) {
			err = nil
		}
	default:
		err = &Error{Code: ExitUnknown, Err: lost, Hints: []string{"the result is not complete; have it written where there is room"}}
	}
	if err == nil {
		return ExitOK
	}
	return report(env, err)
}

// Tree returns a plugin's commands as they run: with what every command has.
// The manuals are written from it.
func Tree(env *Env, newRoot func(*Env) *cobra.Command) *cobra.Command {
	root := newRoot(env)
	finish(root, env)
	return root
}

// report writes the error as one line and its hints as one line each, folded on
// a terminal, and returns the exit status.
func report(env *Env, err error) int {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: ExitUnknown, Err: err}
	}
	if e.Err == nil {
		return e.Code
	}
	text, hints := Tell(err)
	switch {
	case notReached(err):
		hints = append(hints, e.Hints...)
	case len(e.Hints) > 0:
		hints = e.Hints
	}
	env.say("error: ", text)
	for _, h := range hints {
		env.Hint(h)
	}
	return e.Code
}

// Tell says on standard error what was done, where standard output carries
// something else.
func (e *Env) Tell(format string, args ...any) {
	fold.Hang(e.ErrOut, "", "  ", fmt.Sprintf(format, args...), e.Columns(e.ErrOut))
}

// Note says on standard error what is worth knowing about a result.
func (e *Env) Note(format string, args ...any) { e.say("note: ", fmt.Sprintf(format, args...)) }

// Warn says on standard error what may be wrong with a result.
func (e *Env) Warn(format string, args ...any) { e.say("warning: ", fmt.Sprintf(format, args...)) }

// Fail says on standard error what went wrong, where the command goes on; what
// ends it is returned.
func (e *Env) Fail(format string, args ...any) {
	e.say("error: ", oneLine(fmt.Sprintf(format, args...)))
}

// Hint says on standard error what to do about what was said before.
func (e *Env) Hint(text string) { e.say("hint: ", text) }

// say writes a line behind the word that says what it is; a terminal shows it
// folded.
func (e *Env) say(word, text string) { fold.Under(e.ErrOut, word, text, e.Columns(e.ErrOut)) }

// oneLine folds a message onto one line: what a terminal, a log and a CI
// annotation can all show.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// finish applies to a whole command tree what no command should have to
// remember.
func finish(root *cobra.Command, env *Env) {
	cobra.EnableCommandSorting = false // the order of AddCommand tells what comes first
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.ErrOut)
	if root.Annotations == nil {
		root.Annotations = map[string]string{}
	}
	env.plugin = "kubectl-" + root.Name()
	root.Annotations[cobra.CommandDisplayNameAnnotation] = "kubectl " + root.Name()
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(wrongFlag)
	root.PersistentFlags().StringVar(&env.color, "color", "auto", "When to use colour: auto, always or never")
	_ = root.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
	root.SetHelpCommand(helpCommand(root))
	root.SetUsageFunc(usage)
	root.SetHelpFunc(help)
	each(root, func(c *cobra.Command) {
		c.DisableFlagsInUseLine = true
		c.Flags().SortFlags = false
		if c.Flags().Lookup("help") == nil {
			c.Flags().BoolP("help", "h", false, "Show this help")
		}
		completeNoFiles(c)
		completeClusterFlags(c)
		refuseUnknown(c)
		wrapArgs(c)
		wrapRun(c, env)
	})
}

// onlyHolds marks a command that does nothing but hold others.
const onlyHolds = "clusterwright.dev/only-holds-commands"

// refuseUnknown makes a word that is no command an error. Left to itself cobra
// shows the help of the command before it and calls that a success.
func refuseUnknown(c *cobra.Command) {
	if c.Runnable() || !c.HasSubCommands() {
		return
	}
	if c.Annotations == nil {
		c.Annotations = map[string]string{}
	}
	c.Annotations[onlyHolds] = "true"
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		hint := fmt.Sprintf("'%s --help' lists the commands", c.CommandPath())
		c.SuggestionsMinimumDistance = 2
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			hint = fmt.Sprintf("did you mean '%s %s'?", c.CommandPath(), near[0])
		}
		return WithHint(Usagef("%s has no command %q", c.CommandPath(), args[0]), hint)
	}
}

// wrapArgs gives a wrong number of arguments the exit status of wrong usage.
func wrapArgs(c *cobra.Command) {
	args := c.Args
	if args == nil {
		args = cobra.NoArgs
	}
	c.Args = func(cmd *cobra.Command, a []string) error {
		if err := args(cmd, a); err != nil {
			var e *Error
			if errors.As(err, &e) {
				return err
			}
			return wrongArgs(cmd, a, args)
		}
		return nil
	}
}

func wrapRun(c *cobra.Command, env *Env) {
	run := c.RunE
	if run == nil {
		return
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		switch env.color {
		case "auto", "always", "never":
		default:
			return Usagef("--color %q: not one of auto, always, never", env.color)
		}
		return run(cmd, args)
	}
}

func each(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, s := range c.Commands() {
		each(s, f)
	}
}

// quietKlog keeps the libraries' own logging off the user's terminal; -v
// (AddVerbosity) brings it back.
func quietKlog(w io.Writer) {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	// Left to itself klog writes errors to stderr all the same.
	fs := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(fs)
	_ = fs.Set("stderrthreshold", "FATAL")
	verbosity.w = w
}

var verbosity = &klogLevel{}

// klogLevel is the -v flag: klog's level, as kubectl has it.
type klogLevel struct {
	w     io.Writer
	value string
}

func (l *klogLevel) String() string {
	if l.value == "" {
		return "0"
	}
	return l.value
}
func (l *klogLevel) Type() string { return "level" }
func (l *klogLevel) Set(s string) error {
	fs := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(fs)
	if err := fs.Set("v", s); err != nil {
		return err
	}
	l.value = s
	if s != "0" && l.w != nil {
		klog.SetOutput(l.w)
	}
	return nil
}

// AddVerbosity adds kubectl's -v to a flag set: the log level of the client
// libraries, written to stderr.
func AddVerbosity(fs *pflag.FlagSet) {
	fs.VarP(verbosity, "v", "v", "Log level of the API client, for debugging (6 shows requests, 8 their bodies)")
	setGroup(fs.Lookup("v"), clusterGroup)
}

// TestTerminal is TestEnv with both streams a terminal of a width.
func TestTerminal(columns int) (env *Env, in, out, errOut *bytes.Buffer) {
	env, in, out, errOut = TestEnv()
	env.columns = columns
	return env, in, out, errOut
}

// TestEnv returns an environment of buffers, with no variables set and the
// real clock.
func TestEnv() (env *Env, in, out, errOut *bytes.Buffer) {
	streams, in, out, errOut := genericiooptions.NewTestIOStreams()
	return &Env{IOStreams: streams, Now: time.Now, Getenv: func(string) string { return "" }, color: "never"}, in, out, errOut
}
