package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// LoginHint is what to try where the API server does not accept the credentials.
const LoginHint = "log in again, or choose another user: 'kubectl config get-contexts' lists the contexts"

// notReached says that the API server gave no answer or did not accept the
// credentials: that is mended first, whatever the command was about.
func notReached(err error) bool {
	var request *url.Error
	return errors.As(err, &request) && request.Op != "parse" || apierrors.IsUnauthorized(err)
}

// Tell is an error as the user reads it, and what can be tried where the
// command has no hint of its own. What the system, the network and the API server
// say is said the same way wherever it comes up: without the names of system
// calls, and without the request.
func Tell(err error) (text string, hints []string) {
	text = err.Error()
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		reason := path.Err.Error()
		if readFolder(err) {
			reason = syscall.EISDIR.Error() // Windows: incorrect function
		}
		text = shorten(text, path.Error(), path.Path, reason)
	case errors.As(err, &link):
		text = shorten(text, link.Error(), link.New, link.Err.Error())
	}
	var request *url.Error
	var status *apierrors.StatusError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if dir, err := os.Getwd(); err == nil {
			hints = append(hints, "look at the spelling; relative names are looked for in "+dir)
		}
	case errors.Is(err, fs.ErrPermission):
		hints = append(hints, "'ls -ld' on it and on its folder shows who may; 'id' who you are")
	case readFolder(err):
		hints = append(hints, "name a file in it, not the folder")
	case errors.As(err, &request) && request.Op != "parse":
		who, isAPI := server(request.URL)
		text = strings.Replace(text, request.Error(), noAnswer(who, request.Err), 1)
		if isAPI {
			hints = append(hints, "'kubectl cluster-info' shows whether kubectl reaches it; -v 6 shows the requests")
		}
	case errors.As(err, &status):
		text = strings.Replace(text, status.Error(), refusal(status), 1)
		switch {
		case apierrors.IsUnauthorized(err):
			hints = append(hints, LoginHint)
		case apierrors.IsForbidden(err):
			hints = append(hints, "'kubectl auth can-i --list' shows what you may do")
		}
	}
	return oneLine(text), hints
}

// readFolder says whether a folder was read as a file, for which Windows has no
// error of its own.
func readFolder(err error) bool {
	if errors.Is(err, syscall.EISDIR) {
		return true
	}
	var path *fs.PathError
	if !errors.As(err, &path) || path.Op != "read" {
		return false
	}
	st, err := os.Stat(path.Path)
	return err == nil && st.IsDir()
}

// shorten puts "PATH: REASON" in place of an error of the file system, and says
// the path once.
func shorten(text, long, path, reason string) string {
	text = strings.Replace(text, long, path+": "+reason, 1)
	return strings.Replace(text, path+": "+path+": ", path+": ", 1)
}

// server is who was asked, and whether that is the API server.
func server(address string) (who string, isAPI bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address, false
	}
	for _, p := range []string{"/api", "/version", "/metrics", "/readyz", "/livez", "/healthz", "/openapi"} {
		if strings.HasPrefix(u.Path, p) {
			return "the API server " + u.Host, true
		}
	}
	return u.Host, false
}

// noAnswer says that a server gave no answer, and why, in the words of the system
// without its calls.
func noAnswer(who string, err error) string {
	reason := err.Error()
	var op *net.OpError
	var call *os.SyscallError
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		reason = fmt.Sprintf("%s: %s", dns.Name, dns.Err)
	case errors.As(err, &call):
		reason = call.Err.Error()
	case errors.As(err, &op):
		reason = op.Err.Error()
	case errors.Is(err, os.ErrDeadlineExceeded):
		reason = "timeout"
	}
	return who + " does not answer: " + oneLine(reason)
}

// refusal is an answer of the API server that is an error. Its own text is not
// a sentence for the two that come up most.
func refusal(e *apierrors.StatusError) string {
	switch {
	case apierrors.IsUnauthorized(e):
		return "the API server does not accept the credentials (401)"
	case apierrors.IsForbidden(e) && e.Error() == "unknown":
		return "the API server forbids it (403)"
	}
	return e.Error()
}
