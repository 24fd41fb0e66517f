package inject

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/imagetable"
)

// systemDirs are directories that images need; a volume there hides a system.
var systemDirs = []string{
	"/", "/bin", "/sbin", "/lib", "/lib64", "/usr", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/local", "/usr/local/bin", "/usr/local/lib", "/usr/share",
	"/etc", "/dev", "/proc", "/sys", "/boot", "/var", "/var/lib", "/var/run", "/opt", "/home", "/root", "/srv", "/app", "/run", "/code", "/workspace", "/data/db",
}

// mayMount says whether a new volume may be mounted on a directory of the
// target, and adds the reason where it may not.
func (p *plan) mayMount(dir string) bool {
	c := p.target
	img, sure := imagetable.Lookup(c.Image)
	if p.o.CopyExisting {
		if slices.Contains(systemDirs, dir) {
			p.once(check.HidesProgram, "%s is a system directory: no volume may be mounted there", dir)
			return false
		}
		return true
	}
	if img != nil {
		if hidden := img.Hides(dir); hidden != "" && !p.o.AssumeEmpty {
			f := p.add(check.HidesImage, "a volume on %s would hide %s of image %s", dir, hidden, c.Image)
			f.Heuristic = !sure
			return false
		}
	}
	var why string
	switch {
	case slices.Contains(systemDirs, dir):
		why = "it is a system directory"
	case c.WorkingDir != "" && within(c.WorkingDir, dir):
		why = fmt.Sprintf("container %s works in %s", c.Name, c.WorkingDir)
	case commandIn(c, dir) != "":
		why = fmt.Sprintf("container %s runs %s", c.Name, commandIn(c, dir))
	case !looksLikeLogs(dir) && !p.o.AssumeEmpty && img == nil:
		why = "nothing in its name says that it holds logs only"
	}
	if why != "" {
		p.once(check.HidesProgram, "no volume covers %s, and a new one there could hide the program: %s", dir, why)
		return false
	}
	if img == nil && !p.o.AssumeEmpty {
		p.once(check.UnknownImage, "what image %s has in %s is not known; the new volume hides it", orNone(c.Image), dir)
	}
	return true
}

func orNone(image string) string {
	if image == "" {
		return "(none given)"
	}
	return image
}

func within(file, dir string) bool {
	file = path.Clean(file)
	return file == dir || strings.HasPrefix(file, dir+"/")
}

// commandIn is the program that a container is told to run, if it is in a directory.
func commandIn(c *corev1.Container, dir string) string {
	words := c.Command
	if len(words) == 0 {
		words = c.Args
	}
	if len(words) > 0 && within(words[0], dir) {
		return words[0]
	}
	return ""
}

func looksLikeLogs(dir string) bool {
	for _, part := range strings.Split(strings.ToLower(dir), "/") {
		if strings.Contains(part, "log") || part == "tmp" || part == "spool" {
			return true
		}
	}
	return false
}
