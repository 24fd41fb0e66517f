package inject

import "fmt"

// writer names another container that may write a file in a volume that the
// chosen one only reads: it is most likely the one that was meant.
func (p *plan) writer(volume, file string) string {
	for i := range p.pod.Containers {
		c := &p.pod.Containers[i]
		if m := mountFor(c.VolumeMounts, file); m != nil && m.Name == volume && !m.ReadOnly && c.Name != p.target.Name {
			return fmt.Sprintf("; container %s may write it: --container %s", c.Name, c.Name)
		}
	}
	return ""
}
