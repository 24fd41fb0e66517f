package logline

import "bytes"

// What tools that show lines of several places put before each: kubectl, stern,
// kubetail, docker compose, aws logs, grep and cat. Any text could begin in such a
// way. A prefix is taken off where it can be nothing else, or where what follows it
// is a line that is known here.

// openPrefixed opens what stern and docker compose put before a line, "POD
// CONTAINER text", "NAMESPACE POD CONTAINER text" and "NAME | text", and the name of
// a node before a line of its journal.
func openPrefixed(line []byte, env *Envelope, meta *Meta) []byte {
	var words [3][]byte
	n, start := 0, 0
	for i := 0; i < len(line) && i < 300 && n < 3; i++ {
		if line[i] != ' ' {
			continue
		}
		if i > start {
			word := line[start:i]
			if !hostName(word) && !taskName(word) && string(word) != "|" && string(word) != "\xe2\x80\xba" {
				return line
			}
			words[n] = word
			n++
		}
		start = i + 1
		rest := line[start:]
		if n == 1 && len(rest) > 20 && rest[3] == ' ' && rest[6] == ' ' {
			// `oc adm node-logs`: the node, and a line of the journal.
			if text := openSyslog(rest, env, meta); env.Kind != NoEnvelope {
				return text
			}
		}
		_, dated := parseTimestamp(rest)
		shown := n == 2 && (string(words[1]) == "|" || generatedName(words[0])) || n == 3 && generatedName(words[1])
		switch {
		case isKlog(rest), n > 0 && bytes.IndexByte(words[0], '-') > 0 && (objectLine(rest) || logfmtStart(rest)):
		case shown && (starts(rest) != startNone || goesOn(rest)):
		case dated == 0:
			continue
		}
		text := rest
		if dated > 0 { // with --timestamps
			if text = openCarrier(rest, env, meta); !shown && env.Kind != CRI && !(env.Kind == Kubectl && isKlog(text)) {
				*env = Envelope{}
				return line
			}
		}
		if env.Kind == NoEnvelope {
			env.Kind = Kubectl
		}
		switch {
		case n == 3 && hostName(words[1]) && hostName(words[2]):
			env.Namespace, env.Pod, env.Container = words[0], words[1], words[2]
		case n > 1 && hostName(words[1]):
			env.Pod, env.Container = words[0], words[1]
		case len(env.Identifier) == 0:
			env.Identifier = words[0]
		}
		return text
	}
	return line
}

// openStream opens "kube-apiserver-0123456789abcdef0123456789abcdef text" after its
// time, as `aws logs tail` shows EKS' logs: the stream is named after the component.
func openStream(line []byte, env *Envelope) []byte {
	sp := bytes.IndexByte(line[:min(len(line), 100)], ' ')
	dash := bytes.LastIndexByte(line[:max(sp, 0)], '-')
	if dash <= 0 || sp-dash != 33 || !hostName(line[:dash]) {
		return line
	}
	for _, c := range line[dash+1 : sp] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return line
		}
	}
	env.Kind, env.Identifier = Kubectl, line[:dash]
	return line[sp+1:]
}

// generatedName says whether a word is the name of a pod: a controller ends those
// with a number or with five characters that make no words, and a node's name often
// has a digit.
func generatedName(b []byte) bool {
	dash := bytes.LastIndexByte(b, '-')
	if dash <= 0 || dash+1 == len(b) || !podName(b) {
		return false
	}
	return bytes.ContainsAny(b[dash:], "0123456789") || random(b[dash+1:], 5, 5)
}

// ofReplicaSet says whether a word can be nothing but the name of a pod: two parts
// that Kubernetes made end it.
func ofReplicaSet(b []byte) bool {
	dash := bytes.LastIndexByte(b, '-')
	if dash <= 0 || !podName(b) || !random(b[dash+1:], 5, 5) {
		return false
	}
	hash := bytes.LastIndexByte(b[:dash], '-')
	return hash > 0 && random(b[hash+1:dash], 6, 10)
}

// random says whether a word has only the characters that Kubernetes ends names with.
func random(b []byte, least, most int) bool {
	return len(b) >= least && len(b) <= most && len(bytes.Trim(b, "bcdfghjklmnpqrstvwxz2456789")) == 0
}

func podName(b []byte) bool {
	for _, c := range b {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 253
}

// taskName says whether a word is a task of `docker service logs`: web.1.k2x@node1.
func taskName(b []byte) bool {
	name, node, ok := bytes.Cut(b, []byte{'@'})
	return ok && hostName(name) && hostName(node)
}

// goesOn says whether a text is surely of a log although no event begins with it for
// certain: the rest of a value of klog's or of a stack trace, or a level with a colon.
func goesOn(b []byte) bool {
	if level, n := capitalLevel(b); level != Unknown && b[n] == ':' {
		return true
	}
	if level, _ := julLevel(b, ':'); level != Unknown {
		return true
	}
	return len(b) > 0 && b[0] == '\t' || bytes.HasPrefix(b, []byte(" >")) || bytes.HasPrefix(b, []byte("Caused by: "))
}

// openBrackets opens "[pod/POD/CONTAINER] text" of `kubectl logs --prefix`, and
// kubetail's "[POD] text" and "[POD CONTAINER] text".
func openBrackets(line []byte, env *Envelope, meta *Meta) ([]byte, bool) {
	end := bytes.IndexByte(line[:min(len(line), 600)], ']')
	if end < 2 || end+1 < len(line) && line[end+1] != ' ' {
		return nil, false
	}
	rest := line[min(end+2, len(line)):]
	name, sure := bytes.CutPrefix(line[1:end], []byte("pod/"))
	sep := byte(' ')
	if sure {
		sep = '/'
	}
	pod, container, two := bytes.Cut(name, []byte{sep})
	switch {
	case sure && (!two || bytes.IndexByte(container, '/') >= 0):
		return nil, false
	case sure:
	case two && !podName(container) || !ofReplicaSet(pod) && !(generatedName(pod) && (starts(rest) != startNone || goesOn(rest))):
		return nil, false
	}
	text := open(rest, env, meta)
	if env.Kind == NoEnvelope {
		env.Kind = Kubectl
	}
	env.Pod, env.Container = pod, container
	return text, true
}

// openStern opens what `stern -o json` and `stern -o extjson` write.
func openStern(line []byte, env *Envelope) []byte {
	var e Envelope
	var text []byte
	other := false
	end := scanObject(line, 0, func(key, val []byte) {
		s := val
		if val[0] == '"' {
			s = val[1 : len(val)-1]
		}
		switch string(key) {
		case "message":
			text = s
			if val[0] == '"' && bytes.IndexByte(s, '\\') >= 0 {
				text = bytes.TrimSuffix(appendUnquotedJSON(make([]byte, 0, len(s)), s), []byte{'\n'})
			}
		case "pod", "podName":
			e.Pod = s
		case "container", "containerName":
			e.Container = s
		case "namespace":
			e.Namespace = s
		case "nodeName":
			e.Host = s
		case "labels", "annotations":
		default:
			other = true
		}
	})
	if end < 0 || skipSpace(line, end) != len(line) || other || text == nil || !podName(e.Pod) || !podName(e.Container) {
		return line
	}
	*env = e
	env.Kind = Kubectl
	return text
}

// endsPath are the bytes that no name of a log has.
var endsPath = func() (is [256]bool) {
	for _, c := range []byte(" \t\"'={}[]<>,;|") {
		is[c] = true
	}
	return is
}()

// openGrep opens what grep puts before a line where it shows more than one file or
// was asked for numbers: "FILE:", "FILE:12:", "12:", and with a minus sign for lines
// around a match; and the numbers of cat -n.
func openGrep(line []byte, env *Envelope, meta *Meta) ([]byte, bool) {
	if line[0] == ' ' || line[0] >= '0' && line[0] <= '9' {
		if _, n := parseTimestamp(line); n > 0 {
			return nil, false
		}
		if n := lineNumber(line); n > 0 {
			if text, ok := openFound(line, nil, line[n:], false, env, meta); ok {
				return text, true
			}
		}
	}
	from := 0
	if bytes.HasPrefix(line, []byte("(standard input)")) {
		from = len("(standard input)")
	} else if len(line) > 3 && line[1] == ':' && line[2] == '\\' { // a drive
		from = 2
	}
	for i := from; i < min(len(line), 400); i++ {
		c := line[i]
		if endsPath[c] {
			break
		}
		if c != ':' && c != '-' || i == 0 {
			continue
		}
		n := i + 1
		for n < len(line) && n < i+12 && line[n] >= '0' && line[n] <= '9' {
			n++
		}
		path := line[:i]
		if numbered := n > i+1 && n < len(line) && line[n] == c; numbered && len(bytes.Trim(path, "0123456789")) > 0 {
			if text, ok := openFound(line, path, line[n+1:], logFile(path, line[n+1:]), env, meta); ok {
				return text, true
			}
		}
		if c == ':' {
			if bytes.ContainsAny(path, "./(") {
				return openFound(line, path, line[i+1:], false, env, meta)
			}
			break
		}
	}
	return nil, false
}

// lineNumber is the length of a line's number and what stands behind it.
func lineNumber(b []byte) int {
	i := 0
	for i < len(b) && i < 12 && b[i] == ' ' {
		i++
	}
	spaces := i
	for i < len(b) && i < spaces+12 && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	if i == spaces || i >= len(b) {
		return 0
	}
	if b[i] == '\t' || spaces == 0 && (b[i] == ':' || b[i] == '-') {
		return i + 1
	}
	return 0
}

// openFound opens what stands behind a file's name or a number; sure says that those
// can be nothing else.
func openFound(line, path, rest []byte, sure bool, env *Envelope, meta *Meta) ([]byte, bool) {
	// A line that is known as a whole has no prefix.
	if severityOf(path) != Unknown || starts(line) != startNone {
		return nil, false
	}
	text := rest
	if len(rest) > 1 {
		text = openCarrier(rest, env, meta)
	}
	if env.Kind == NoEnvelope {
		*env = Envelope{}
		if !sure && starts(text) == startNone && !goesOn(text) {
			return nil, false
		}
		env.Kind = Grep
	}
	env.ofPath(path)
	return text, true
}

// logFile says whether a path is that of a log, by its name, and what stands behind
// it no sentence about the log.
func logFile(path, rest []byte) bool {
	if len(rest) > 1 && rest[0] == ' ' && rest[1] != ' ' {
		return false
	}
	return bytes.HasPrefix(path, []byte("/var/log/")) || bytes.Contains(baseName(path), []byte(".log"))
}

// ofPath takes from the path of a file what the line does not say itself: the pod
// and the container, or the program.
func (e *Envelope) ofPath(path []byte) {
	parts := bytes.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' })
	if len(parts) == 0 {
		return
	}
	base := parts[len(parts)-1]
	if n := len(parts); n > 2 && len(e.Pod) == 0 {
		if ids := bytes.Split(parts[n-3], []byte{'_'}); len(ids) == 3 { // of /var/log/pods
			e.Namespace, e.Pod, e.Container = ids[0], ids[1], parts[n-2]
			return
		}
	}
	stem, _, _ := bytes.Cut(base, []byte(".log"))
	if ids := bytes.Split(stem, []byte{'_'}); len(ids) == 3 && len(e.Pod) == 0 { // of /var/log/containers
		if dash := bytes.LastIndexByte(ids[2], '-'); dash > 0 && len(ids[2])-dash > 12 {
			e.Pod, e.Namespace, e.Container = ids[0], ids[1], ids[2][:dash]
			return
		}
	}
	if len(e.Identifier) == 0 && len(stem) > 0 && len(bytes.Trim(stem, "0123456789")) > 0 && stem[0] != '(' {
		e.Identifier = stem
	}
}
