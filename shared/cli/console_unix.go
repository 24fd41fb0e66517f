//go:build unix

package cli

import (
	"errors"
	"os"
	"syscall"
)

// understandsEscapes says whether a terminal draws escape sequences: TERM has
// its say elsewhere.
func understandsEscapes(*os.File) bool { return true }

// readerGone says that nobody reads any more what is written.
func readerGone(err error) bool { return errors.Is(err, syscall.EPIPE) }
