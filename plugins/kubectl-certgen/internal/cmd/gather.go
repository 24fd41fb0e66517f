package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
}

func (s *sources) flags(fs *pflag.FlagSet) {
	fs.StringVar(&s.sni, "servername", "", "Server name (SNI) to ask a HOST:PORT for")
	fs.StringVar(&s.passphrase, "passphrase-file", "", "File with the passphrase of PKCS#12 files")
}

func (s *sources) options() (inspect.Options, error) {
	if s.passphrase == "" {
		return inspect.Options{}, nil
	}
	b, err := readLimited(s.passphrase)
	if err != nil {
		return inspect.Options{}, err
	}
	return inspect.Options{Passphrase: bytes.TrimRight(b, "\r\n")}, nil
}

// gather reads all arguments. Something that cannot be read is an error of
// exit status 2, a server that does not answer one of exit status 3.
func (s *sources) gather(ctx context.Context, env *cli.Env, args []string) ([]inspect.Item, error) {
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	var out []inspect.Item
	for _, a := range args {
		items, err := s.one(ctx, env, a, o)
		if err != nil {
			if errors.Is(err, inspect.ErrPassphrase) {
				return nil, cli.WithHint(err, "give it with --passphrase-file FILE")
			}
			return nil, err
		}
		out = append(out, items...)
	}
	return out, nil
}

func (s *sources) one(ctx context.Context, env *cli.Env, a string, o inspect.Options) ([]inspect.Item, error) {
	if a == "-" {
		data, err := io.ReadAll(io.LimitReader(env.In, 64<<20))
		if err != nil {
			return nil, cli.Usagef("stdin: %w", err)
		}
		items, err := inspect.Bytes("-", data, o)
		if err != nil {
			return nil, cli.Usagef("stdin: %w", err)
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
			return nil, cli.Usagef("%s: there is no certificate in this folder", a)
		}
		return items, nil
	case err == nil:
		items, err := inspect.File(a, o)
		if err != nil {
			return nil, cli.Usagef("%w", err)
		}
		return items, nil
	}
	addr, isAddr := serverAddress(a)
	if !isAddr {
		return nil, cli.Usagef("%s: %s", a, cause(err))
	}
	srv, err := inspect.Dial(ctx, addr, s.sni)
	if err != nil {
		return nil, cli.Unknownf("%w", err)
	}
	s.served = append(s.served, srv)
	return srv.Items, nil
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

// warnSkipped says which files of a folder could not be read.
func (s *sources) warnSkipped(env *cli.Env) {
	for _, k := range s.skipped {
		msg := k.Err.Error()
		if !strings.HasPrefix(msg, k.Path) {
			msg = k.Path + ": " + msg
		}
		fmt.Fprintf(env.ErrOut, "could not read: %s\n", msg)
	}
}

// completeFormats registers the values of -o.
func completeFormats(c *cobra.Command, formats ...string) {
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
