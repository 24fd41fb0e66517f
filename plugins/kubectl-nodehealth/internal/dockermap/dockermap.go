package dockermap

import (
	"fmt"
	"slices"
	"strings"
)

// Answer is the translation of one docker command line.
type Answer struct {
	Docker string `json:"docker"`
	// Crictl is the command line to run, "" where there is none.
	Crictl string `json:"crictl,omitempty"`
	// What it does.
	What string `json:"what,omitempty"`
	// Lost are flags without a counterpart.
	Lost []string `json:"lost,omitempty"`
	// Unsupported is what crictl's command has not, asked for or not.
	Unsupported []string `json:"unsupported,omitempty"`
	// Notes are differences to know.
	Notes []string `json:"notes,omitempty"`
	// Instead is what to use where crictl has nothing.
	Instead string `json:"instead,omitempty"`
}

// Explain translates the words of a docker command line, with or without the
// word docker in front.
func Explain(words []string) (Answer, error) {
	if len(words) > 0 && words[0] == "docker" {
		words = words[1:]
	}
	if len(words) == 0 {
		return Answer{}, fmt.Errorf("no docker command to explain")
	}
	a := Answer{Docker: "docker " + strings.Join(words, " ")}
	name, rest := words[0], words[1:]
	switch {
	case name == "image" && len(rest) > 0 && rest[0] == "prune":
		a.Crictl, a.What = "crictl rmi --prune", "remove images that no container uses"
		return a, nil
	case name == "image" && len(rest) > 0 && rest[0] == "inspect":
		a.Crictl, a.What = strings.Join(append([]string{"crictl", "inspecti"}, rest[1:]...), " "), "show an image"
		return a, nil
	case name == "container" && len(rest) > 0 && rest[0] == "prune":
		a.Crictl, a.What = "crictl rm $(crictl ps -a -q --state Exited)", "remove exited containers"
		a.Notes = []string{"the kubelet does so by itself (maximumDeadContainers)"}
		return a, nil
	}
	if len(rest) > 0 {
		if alias, ok := aliases[name+" "+rest[0]]; ok {
			name, rest = alias, rest[1:]
		}
	}
	i := slices.IndexFunc(commands, func(c command) bool { return c.docker == name })
	if i < 0 {
		return Answer{}, fmt.Errorf("docker %s: not a docker command that this knows", name)
	}
	c := commands[i]
	if c.crictl == "" {
		a.Instead = c.instead
		return a, nil
	}
	a.What, a.Unsupported = c.what, c.lacks
	if c.note != "" {
		a.Notes = []string{c.note}
	}
	c.translate(&a, rest)
	return a, nil
}

// All are the answers to every command without flags, for the whole table.
func All() []Answer {
	var out []Answer
	for _, c := range commands {
		a, err := Explain([]string{c.docker})
		if err == nil {
			out = append(out, a)
		}
	}
	return out
}

func (c command) translate(a *Answer, args []string) {
	out := []string{"crictl", c.crictl}
	if c.docker == "kill" {
		out = append(out, "--timeout", "0")
	}
	byFile := c.docker == "run" || c.docker == "create"
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			// The command to run inside a container is not ours to translate.
			if c.docker == "exec" {
				out = append(out, args[i:]...)
				break
			}
			if byFile {
				break
			}
			out = append(out, arg)
			continue
		}
		name, value, hasValue := strings.Cut(arg, "=")
		if !hasValue && slices.Contains(c.values, name) && i+1 < len(args) {
			i++
			value, hasValue = args[i], true
		}
		for _, flag := range split(name, c) {
			c.flag(a, &out, flag, value, hasValue)
		}
	}
	switch c.docker {
	case "run":
		out = append(out, "container.json", "pod.json")
	case "create":
		out = append(out, "POD-ID", "container.json", "pod.json")
	}
	for i, w := range out {
		out[i] = quote(w)
	}
	a.Crictl = strings.Join(out, " ")
}

// quote writes a word so that a shell reads it as one again.
func quote(w string) string {
	if w != "" && !strings.ContainsAny(w, " \t\n'\"\\$&;|<>()*?[#~`") {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\\''`) + "'"
}

// split takes joined short flags apart: -it is -i -t.
func split(name string, c command) []string {
	if strings.HasPrefix(name, "--") || len(name) <= 2 {
		return []string{name}
	}
	var out []string
	for _, r := range name[1:] {
		out = append(out, "-"+string(r))
	}
	return out
}

func (c command) flag(a *Answer, out *[]string, name, value string, hasValue bool) {
	lost := func(why string) {
		text := name
		if hasValue {
			text += " " + value
		}
		if why != "" {
			text += " (" + why + ")"
		}
		a.Lost = append(a.Lost, text)
	}
	if name == "--format" || (name == "-f" && c.docker == "inspect") {
		lost("use -o json, -o yaml or -o go-template --template ...")
		return
	}
	to, ok := c.flags[name]
	switch {
	case !ok:
		lost("")
	case to == "filter":
		if flag, v, ok := filter(value); ok {
			*out = append(*out, flag, v)
		} else {
			lost("")
		}
	case to == "":
	case hasValue && !slices.Contains(c.values, name):
		// A switch: crictl would take its value for an argument.
		if value != "false" {
			*out = append(*out, to)
		}
	case hasValue:
		*out = append(*out, to, value)
	default:
		*out = append(*out, to)
	}
}

// filter translates ps --filter KEY=VALUE.
func filter(s string) (flag, value string, ok bool) {
	k, v, _ := strings.Cut(s, "=")
	switch k {
	case "name":
		return "--name", v, true
	case "id":
		return "--id", v, true
	case "label":
		return "--label", v, true
	case "ancestor":
		return "--image", v, true
	case "status":
		state := map[string]string{"created": "Created", "running": "Running", "exited": "Exited", "dead": "Exited"}[v]
		return "--state", state, state != ""
	}
	return "", "", false
}
