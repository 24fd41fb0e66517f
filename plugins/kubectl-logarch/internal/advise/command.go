package advise

import (
	"path"
	"strings"
)

// injectCommand is the command that gets a file out, as it can be pasted; "" where
// the name of the workload or of the file is not known.
func (j *judge) injectCommand(k *container, file logFile) string {
	w := j.w
	if path.Ext(file.path) == "" || strings.ContainsAny(w.Name, "*( ") {
		return ""
	}
	words := []string{"kubectl logarch inject"}
	ref := strings.ToLower(w.Kind) + "/" + w.Name
	switch {
	case w.File == "" && w.Namespace != "":
		words = append(words, ref, "-n", w.Namespace)
	case w.File == "":
		words = append(words, ref)
	case w.File == "stdin":
		words = append(words, "-f -")
	default:
		words = append(words, "-f", quoted(w.File))
	}
	if w.File != "" {
		for _, other := range j.s.Workloads {
			if other.File == w.File && other != w { // it would get the sidecar too
				words = append(words, "--only", ref)
				break
			}
		}
	}
	if len(j.containers) > 1 && k.Name != "" { // Knative lets it have none
		words = append(words, "--container", k.Name)
	}
	words = append(words, "--log", quoted(file.path))
	if j.rotated(file) { // one injection takes the place of another
		words = append(words, "--rotate")
	}
	return strings.Join(words, " ")
}

// quoted is a word as a shell takes it.
func quoted(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+=,-") == "" && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
