package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// sources is what inspect, expiry and verify read: files, folders, servers,
// standard input and a live cluster.
type sources struct {
	sni        string
	passphrase string
	// skipped are files of a folder that could not be read.
	skipped []inspect.Skipped
	served  []*inspect.Served
	// blind is what did not answer or was denied, and hints what to do about it.
	blind, hints []string
}

func (s *sources) flags(fs *pflag.FlagSet) {
	fs.StringVar(&s.sni, "servername", "", "Server name (SNI) to ask a HOST:PORT for")
	fs.StringVar(&s.passphrase, "passphrase-file", "", "File with the passphrase of PKCS#12 files")
}

func (s *sources) options() (inspect.Options, error) {
	if s.passphrase == "" {
		return inspect.Options{}, nil
	}
	b, err := readFile(s.passphrase)
	if err != nil {
		return inspect.Options{}, err
	}
	return inspect.Options{Passphrase: trimPassphrase(b)}, nil
}

// gather reads all arguments. Something that cannot be read is an error of
// exit status 2. A server that does not answer costs its own answer; where
// nothing else was asked for it is an error of exit status 3.
func (s *sources) gather(ctx context.Context, env *cli.Env, args []string) ([]inspect.Item, error) {
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	// A slip of the pen is said before servers are waited for.
	for _, a := range args {
		if _, ok := serverAddress(a); a != "-" && !ok {
			if _, err := os.Stat(a); err != nil {
				err = cli.Usagef("%s: %w", a, cause(err))
				if host := hostAlone(a); host != "" {
					err = cli.WithHint(err, fmt.Sprintf("a server is named with its port: %s", net.JoinHostPort(host, "6443")))
				}
				return nil, err
			}
		}
	}
	dialled := s.dial(ctx, env, args)
	var out []inspect.Item
	for i, a := range args {
		if d := dialled[i]; d != nil {
			if d.err != nil {
				if len(args) == 1 {
					return nil, cli.Unknownf("%w", d.err)
				}
				s.blind = append(s.blind, d.err.Error())
				continue
			}
			s.served = append(s.served, d.srv)
			out = append(out, d.srv.Items...)
			continue
		}
		items, err := s.oneUntil(ctx, env, a, o)
		if err != nil {
			if errors.Is(err, inspect.ErrLocked) || errors.Is(err, inspect.ErrPassphrase) {
				return nil, cli.WithHint(err, "give it with --passphrase-file FILE")
			}
			return nil, err
		}
		out = append(out, items...)
	}
	return out, ctx.Err()
}

type dialled struct {
	srv *inspect.Served
	err error
}

// dial asks all servers among the arguments at once.
func (s *sources) dial(ctx context.Context, env *cli.Env, args []string) []*dialled {
	out := make([]*dialled, len(args))
	var wg sync.WaitGroup
	var servers []string
	for i, a := range args {
		if isThere(a) {
			continue
		}
		addr, ok := serverAddress(a)
		if !ok {
			continue
		}
		out[i] = &dialled{}
		servers = append(servers, addr)
		wg.Go(func() { out[i].srv, out[i].err = inspect.Dial(ctx, addr, s.sni) })
	}
	if len(servers) > 0 {
		defer env.Doing("asking %s", strings.Join(servers, ", "))()
	}
	wg.Wait()
	return out
}

// maxStdin is the largest input: a list of all Secrets of a cluster is piped in.
const maxStdin = 64 << 20

// oneUntil is one until the user has enough: a pipe or a terminal that nobody
// writes to is waited for without an end.
func (s *sources) oneUntil(ctx context.Context, env *cli.Env, a string, o inspect.Options) (items []inspect.Item, err error) {
	done := make(chan struct{})
	var got []inspect.Item
	var failed error
	go func() {
		defer close(done)
		got, failed = s.one(env, a, o)
	}()
	select {
	case <-done:
		return got, failed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *sources) one(env *cli.Env, a string, o inspect.Options) ([]inspect.Item, error) {
	if a == "-" {
		data, err := io.ReadAll(io.LimitReader(env.In, maxStdin+1))
		if err != nil {
			return nil, cli.Usagef("stdin: %w", err)
		}
		if len(data) > maxStdin {
			return nil, cli.Usagef("stdin: more than %d MB; give it in parts, or look at the cluster itself with --live", maxStdin>>20)
		}
		items, err := inspect.Bytes("-", data, o)
		if s.skip("stdin", items, err) {
			return items, nil
		}
		if err != nil {
			return nil, forLint(cli.Usagef("stdin: %w", err), "-", data)
		}
		return items, nil
	}
	st, err := os.Stat(a)
	switch {
	case err == nil && st.IsDir():
		items, skipped, err := inspect.Dir(a, o)
		if err != nil {
			return nil, cli.Usagef("%w", err)
		}
		s.skipped = append(s.skipped, skipped...)
		if len(items) == 0 {
			if len(skipped) > 0 {
				return nil, cli.Usagef("%w", skipped[0].Err)
			}
			err := cli.Usagef("%s: there is no certificate in this folder", a)
			if set, e := readLintSet(env, []string{a}); e == nil && len(set.files) > 0 {
				err = cli.WithHint(err, fmt.Sprintf("there is what openssl, cfssl or easyrsa read: 'kubectl certgen lint %s' judges it", a))
			}
			return nil, err
		}
		return items, nil
	case err == nil:
		items, err := inspect.File(a, o)
		if s.skip(a, items, err) {
			return items, nil
		}
		if err != nil {
			err = cli.Usagef("%w", err)
			if !st.Mode().IsRegular() {
				return nil, err // a pipe is read once
			}
			if data, e := readBytes(a); e == nil {
				err = forLint(err, a, data)
			}
			return nil, err
		}
		return items, nil
	}
	return nil, cli.Usagef("%s: %w", a, cause(err))
}

// skip notes what could not be read of a source, and says whether the rest of it
// could.
func (s *sources) skip(name string, items []inspect.Item, err error) bool {
	parts, ok := inspect.PartsOf(items, err)
	for _, p := range parts {
		s.skipped = append(s.skipped, inspect.Skipped{Path: name, Err: p})
	}
	return ok
}

// serverAddress reads HOST:PORT or a URL; https without a port is 443.
func serverAddress(a string) (string, bool) {
	if u, err := url.Parse(a); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "tls") {
		if u.Port() == "" {
			return net.JoinHostPort(u.Hostname(), "443"), true
		}
		return u.Host, true
	}
	h, p, err := net.SplitHostPort(a)
	if err != nil || h == "" || p == "" || strings.Trim(p, "0123456789") != "" || strings.ContainsAny(h, "/\\") {
		return "", false
	}
	return a, true
}

// hostAlone is the host of what was likely meant as a server and has no port, or
// the wrong scheme.
func hostAlone(a string) string {
	if u, err := url.Parse(a); err == nil && u.Scheme != "" && u.Host != "" {
		return u.Hostname()
	}
	a = strings.TrimSuffix(a, ":")
	if h := strings.Trim(a, "[]"); net.ParseIP(h) != nil {
		return h
	}
	return ""
}

// forLint adds to an error about a file that holds no certificate that it is one
// which certificates are made by.
func forLint(err error, name string, data []byte) error {
	f, e := input.Parse(name, data)
	if e != nil {
		return err
	}
	return cli.WithHint(err, fmt.Sprintf("it is for openssl, cfssl or easyrsa (%s): 'kubectl certgen lint %s' judges it", f.Kind, name))
}

// warnSkipped says what could not be read, and what to do about it.
func (s *sources) warnSkipped(env *cli.Env) {
	for _, n := range s.notRead() {
		env.Tell("could not read: %s", n)
	}
	if slices.ContainsFunc(s.skipped, func(k inspect.Skipped) bool {
		return errors.Is(k.Err, inspect.ErrLocked) || errors.Is(k.Err, inspect.ErrPassphrase)
	}) {
		env.Hint("--passphrase-file FILE opens PKCS#12 files, all those of one passphrase in a run")
	}
	for _, h := range s.hints {
		env.Hint(h)
	}
}

// notRead is all that could not be read.
func (s *sources) notRead() []string {
	out := append([]string{}, s.blind...)
	for _, k := range s.skipped {
		msg := k.Err.Error()
		if !strings.HasPrefix(msg, k.Path) {
			msg = k.Path + ": " + msg
		}
		out = append(out, msg)
	}
	return out
}

// unread is a part of the first line: an answer over less than was asked for
// says so.
func (s *sources) unread() string {
	if n := len(s.blind) + len(s.skipped); n > 0 {
		return fmt.Sprintf("; %d %s not read", n, plural(n, "source", "sources"))
	}
	return ""
}

// exit is the exit status: findings before what could not be read.
func (s *sources) exit(failed bool) error {
	switch {
	case failed:
		return cli.Exit(cli.ExitFindings)
	case len(s.skipped) > 0:
		return cli.Exit(cli.ExitUsage)
	case len(s.blind) > 0:
		return cli.Exit(cli.ExitUnknown)
	}
	return nil
}

// completeFormats registers the values of -o.
func completeFormats(c *cobra.Command, formats ...string) {
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
