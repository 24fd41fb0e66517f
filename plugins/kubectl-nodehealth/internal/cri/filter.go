package cri

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// Filter is what crictl's list commands are asked for.
type Filter struct {
	ID, Pod         string
	Name, Namespace *regexp.Regexp
	Image           string
	// State is running, exited, created or unknown of a container, ready or
	// notready of a pod; "" for what is alive, unless All.
	State  string
	All    bool
	Labels map[string]string
	// Last is how many of the newest to show, 0 for all.
	Last int
}

// Containers returns the wanted containers, newest first. images gives the names
// of an image by its id, for Filter.Image.
func (f Filter) Containers(list []Object, images Names) []Object {
	state := f.State
	if state == "" && !f.All && f.Last == 0 {
		state = "running"
	}
	return f.pick(list, func(o Object) bool {
		return strings.HasPrefix(Str(o, "podSandboxId"), f.Pod) &&
			(state == "" || strings.EqualFold(Str(o, "state"), "CONTAINER_"+state)) &&
			match(f.Name, Str(o, "metadata", "name")) && match(f.Namespace, Str(o, "labels", podSpaceLabel)) &&
			f.image(o, images)
	})
}

func (f Filter) image(o Object, images Names) bool {
	if f.Image == "" {
		return true
	}
	id := Str(o, "image", "image")
	return strings.HasPrefix(strings.TrimPrefix(id, "sha256:"), strings.TrimPrefix(f.Image, "sha256:")) ||
		strings.Contains(images.Of(id), f.Image)
}

// Pods returns the wanted pods, newest first; crictl shows all states unless
// asked for one.
func (f Filter) Pods(list []Object) []Object {
	return f.pick(list, func(o Object) bool {
		return (f.State == "" || strings.EqualFold(Str(o, "state"), "SANDBOX_"+f.State)) &&
			match(f.Name, Str(o, "metadata", "name")) && match(f.Namespace, Str(o, "metadata", "namespace"))
	})
}

func (f Filter) pick(list []Object, more func(Object) bool) []Object {
	out := slices.DeleteFunc(slices.Clone(list), func(o Object) bool {
		return !f.labelled(o) || !strings.HasPrefix(Str(o, "id"), f.ID) || !more(o)
	})
	slices.SortStableFunc(out, func(a, b Object) int { return cmp.Compare(Num(b, "createdAt"), Num(a, "createdAt")) })
	if f.Last > 0 && len(out) > f.Last {
		out = out[:f.Last]
	}
	return out
}

// Stats returns the statistics of the wanted containers or pods.
func (f Filter) Stats(list []Object) []Object {
	return slices.DeleteFunc(slices.Clone(list), func(o Object) bool {
		return !f.labelled(o, "attributes") || !strings.HasPrefix(Str(o, "attributes", "id"), f.ID) || !match(f.Name, Str(o, "attributes", "metadata", "name"))
	})
}

// labelled says whether the part of an object at a path has the wanted labels.
func (f Filter) labelled(o Object, path ...string) bool {
	labels, _ := at(o, append(path, "labels")).(Object)
	for k, v := range f.Labels {
		if got, ok := labels[k].(string); !ok || got != v {
			return false
		}
	}
	return true
}

func match(re *regexp.Regexp, s string) bool { return re == nil || re.MatchString(s) }

// Images returns the images whose name holds pattern, by name; crictl takes
// part of a name, or an id.
func (f Filter) Images(list []Object) []Object {
	out := slices.DeleteFunc(slices.Clone(list), func(o Object) bool {
		if f.Image == "" {
			return false
		}
		return !slices.ContainsFunc(imageNames(o), func(n string) bool { return strings.Contains(n, f.Image) }) &&
			!strings.HasPrefix(strings.TrimPrefix(Str(o, "id"), "sha256:"), strings.TrimPrefix(f.Image, "sha256:"))
	})
	slices.SortStableFunc(out, func(a, b Object) int { return cmp.Compare(firstName(a), firstName(b)) })
	return out
}

func imageNames(o Object) []string {
	return append(Strings(o, "repoTags"), Strings(o, "repoDigests")...)
}

func firstName(o Object) string {
	if names := imageNames(o); len(names) > 0 {
		return names[0]
	}
	return Str(o, "id")
}

// Names are the names of images by id.
type Names map[string]string

// NamesOf reads them from a list of images.
func NamesOf(images []Object) Names {
	out := Names{}
	for _, o := range images {
		if names := imageNames(o); len(names) > 0 {
			out[Str(o, "id")] = names[0]
		}
	}
	return out
}

// Of is the name of an image, or what it is called in the absence of one.
func (n Names) Of(id string) string {
	if name := n[id]; name != "" {
		return name
	}
	return id
}
