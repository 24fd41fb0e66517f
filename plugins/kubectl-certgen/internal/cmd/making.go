package cmd

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/issue"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/widetext"
)

// makingFlags are the flags that all verbs share which make certificates in a
// folder.
type makingFlags struct {
	out, layout, compat, key, caKey string
	caSubject, caPassphraseFile     string
	encryptCAKey                    bool
	caDays, days                    int
	outlive, dropNames              bool
	dryRun, fixModes                bool
	format                          string
}

func (m *makingFlags) add(c *cobra.Command, ca, leaf bool) {
	fs := c.Flags()
	fs.StringVar(&m.out, "out", "pki", "Folder of the PKI; an existing one is recognised and added to")
	if leaf {
		fs.IntVar(&m.days, "days", 0, "Validity in days (default: the profile's; 365)")
	}
	fs.StringVar(&m.key, "key", "", "Type of new keys: "+strings.Join(keySpecs(), ", ")+" (default ecdsa:p256; with --compat rsa:2048)")
	fs.StringVar(&m.layout, "layout", "", "How a new folder is laid out: "+strings.Join(layoutKinds(), ", ")+" (default flat)")
	fs.StringVar(&m.compat, "compat", "", "Write certificates exactly as another tool does: "+strings.Join(profile.Names, ", "))
	if ca {
		fs.StringVar(&m.caKey, "ca-key", "", "Type of a new CA's key (default: as --key)")
		fs.StringVar(&m.caSubject, "ca-subject", "", `Subject of a new CA, such as "O=Acme, CN=kubernetes-ca"`)
		fs.IntVar(&m.caDays, "ca-days", 0, "Validity of a new CA in days (default: the profile's; 3650)")
		fs.BoolVar(&m.encryptCAKey, "encrypt-ca-key", false, "Encrypt a new CA's key with a passphrase")
		fs.StringVar(&m.caPassphraseFile, "ca-passphrase-file", "", "File with the passphrase of the CA's key, - for stdin (default: ask on the terminal)")
	}
	if leaf {
		fs.BoolVar(&m.outlive, "outlive-ca", false, "Let the certificate end after its CA instead of with it")
	}
	fs.BoolVar(&m.fixModes, "fix-modes", false, "Set mode 0600 on key files in the folder that others can read")
	fs.BoolVar(&m.dryRun, "dry-run", false, "Show what would be made and write nothing")
	fs.StringVarP(&m.format, "output", "o", "text", "Output format: text, json, yaml")
	complete := func(flag string, values []string) {
		if fs.Lookup(flag) != nil {
			_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	complete("key", keySpecs())
	complete("ca-key", keySpecs())
	complete("layout", layoutKinds())
	complete("compat", profile.Names)
	complete("output", []string{"text", "json", "yaml"})
}

func keySpecs() []string {
	var out []string
	for _, k := range pki.KeySpecs {
		out = append(out, string(k))
	}
	return out
}

func layoutKinds() []string {
	var out []string
	for _, k := range layout.Kinds {
		out = append(out, string(k))
	}
	return out
}

// options checks the flags. ip stands in for {ip} in a profile's names.
func (m *makingFlags) options(env *cli.Env, ip string) (issue.Options, error) {
	o := issue.Options{
		Out: m.out, Outlive: m.outlive, Drop: m.dropNames, DryRun: m.dryRun, FixModes: m.fixModes,
		PathLen: -1, Now: env.Now(), Rand: rand.Reader, Doing: env.Doing,
	}
	if strings.TrimSpace(m.out) == "" {
		return o, cli.Usagef("--out: blank; is a variable of the calling script empty?")
	}
	switch m.format {
	case "text", "json", "yaml":
	default:
		return o, cli.Usagef("-o %q: not one of text, json, yaml", m.format)
	}
	var err error
	if o.Profile, err = profile.Get(m.compat); err != nil {
		return o, cli.Usagef("--compat: %w", err)
	}
	if m.layout != "" {
		if o.Layout, err = layout.ParseKind(m.layout); err != nil {
			return o, cli.Usagef("--%w", err)
		}
	}
	for _, k := range []struct {
		flag, value string
		to          *pki.KeySpec
	}{{"--key", m.key, &o.Key}, {"--ca-key", m.caKey, &o.CAKey}} {
		if k.value != "" {
			if *k.to, err = pki.ParseKeySpec(k.value); err != nil {
				return o, cli.Usagef("%s: %w", k.flag, err)
			}
		}
	}
	if _, err := days("--days", m.days, 1); err != nil {
		return o, err
	}
	if o.CAValidity, err = days("--ca-days", m.caDays, 1); err != nil {
		return o, err
	}
	o.CASubject = issue.DefaultSubject(o.Profile.CACommonName, ip, o.Now)
	if m.caSubject != "" {
		if o.CASubject, err = pki.ParseName(m.caSubject); err != nil {
			return o, cli.Usagef("--ca-subject: %w", err)
		}
	}
	if err := o.CASubject.Check(); err != nil {
		return o, cli.Usagef("CA: %w", err)
	}
	pass := &passphrase{env: env, file: m.caPassphraseFile}
	o.Unlock = func(file string) ([]byte, error) { return pass.get("Passphrase of "+file+": ", false) }
	if m.encryptCAKey {
		if o.Passphrase, err = pass.get("Passphrase for the new CA key: ", true); err != nil {
			return o, err
		}
	}
	return o, nil
}

// days checks a number of days; 0 means that the flag was not given.
func days(flag string, n, least int) (time.Duration, error) {
	if n != 0 && n < least {
		return 0, cli.Usagef("%s %d: less than %d", flag, n, least)
	}
	if n > profile.MaxDays {
		return 0, cli.Usagef("%s %d: more than 200 years", flag, n)
	}
	return profile.Days(n), nil
}

// trimPassphrase takes away what editors and shells put around a passphrase:
// line ends, a byte order mark, UTF-16.
func trimPassphrase(data []byte) []byte {
	return bytes.TrimRight(bytes.TrimPrefix(widetext.Decode(data), []byte("\ufeff")), "\r\n")
}

// passphrase reads the passphrase once, from a file or the terminal.
type passphrase struct {
	mu   sync.Mutex // certificates are made in parallel
	env  *cli.Env
	file string
	have []byte
}

func (p *passphrase) get(prompt string, twice bool) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.have != nil {
		return p.have, nil
	}
	var data []byte
	var err error
	switch {
	case p.file == "-":
		data, err = io.ReadAll(io.LimitReader(p.env.In, 1<<16))
	case p.file != "":
		data, err = os.ReadFile(p.file)
	default:
		data, err = p.ask(prompt, twice)
	}
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = fmt.Errorf("--ca-passphrase-file %s: %w", p.file, pe.Err)
		}
		return nil, cli.Usagef("%w", err)
	}
	line, _, _ := bytes.Cut(trimPassphrase(data), []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, cli.Usagef("the passphrase is empty")
	}
	p.have = line
	return p.have, nil
}

func (p *passphrase) ask(prompt string, twice bool) ([]byte, error) {
	in, ok := p.env.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, fmt.Errorf("%s give --ca-passphrase-file: stdin is not a terminal to ask on", strings.TrimSuffix(prompt, " "))
	}
	read := func(prompt string) ([]byte, error) {
		fmt.Fprint(p.env.ErrOut, prompt)
		defer fmt.Fprintln(p.env.ErrOut)
		return term.ReadPassword(int(in.Fd()))
	}
	first, err := read(prompt)
	if err != nil || !twice {
		return first, err
	}
	again, err := read("Once more: ")
	if err == nil && string(first) != string(again) {
		return nil, errors.New("the two passphrases differ")
	}
	return first, err
}

// refused gives an error of the domain packages the exit status of bad input.
// Whatever certgen refuses to do offline is in what it was given.
func refused(err error) error {
	if err == nil {
		return nil
	}
	var e *cli.Error
	if errors.As(err, &e) {
		return err
	}
	return cli.Usagef("%w", err)
}

// notWritten gives an error of a set that was to be written its exit status: what
// lies in its places is bad input, known before anything is written; a disk that
// is full or a right that is missing is not.
func notWritten(err error) error {
	var e *cli.Error
	switch {
	case errors.As(err, &e):
		return err
	case store.Refused(err):
		return cli.Usagef("%w", err)
	}
	return cli.Unknownf("%w", err)
}

// show is a path as the user should read it: without detours, with slashes on
// every system.
func show(p string) string {
	return filepath.ToSlash(filepath.Clean(p))
}
