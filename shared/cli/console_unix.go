//go:build unix

package cli

import "os"

// understandsEscapes says whether a terminal draws escape sequences: TERM has
// its say elsewhere.
func understandsEscapes(*os.File) bool { return true }
