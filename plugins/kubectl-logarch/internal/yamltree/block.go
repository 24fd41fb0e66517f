package yamltree

import "strings"

// value reads what stands behind a "-", a "key:" or the start of a document:
// parent is the column of the collection it belongs to (-1 for a document),
// inMap allows a sequence at the parent's own column, compact allows a
// collection to start on this very line.
func (p *parser) value(parent int, inMap, compact bool) *Node {
	p.enter()
	defer func() { p.depth-- }()
	null := p.pos
	anchor, tag, props := "", "", -1
	for {
		if p.eol() {
			at := p.pos
			p.skip()
			if p.pos < p.end {
				p.noTabIndent()
				col := p.pos - p.ls
				if col > parent || inMap && col == parent && p.indicator(p.pos, '-') {
					if props < 0 && (p.src[p.pos] == '&' || p.src[p.pos] == '!') {
						anchor, tag, props = p.properties()
						if p.eol() {
							continue
						}
						return p.decorate(p.content(parent, false), anchor, tag, props)
					}
					return p.decorate(p.content(parent, true), anchor, tag, props)
				}
			}
			if props >= 0 {
				null = at
			}
			n := p.node(Scalar, Plain, null)
			n.End = null
			return p.decorate(n, anchor, tag, props)
		}
		p.spaces()
		if props >= 0 || p.src[p.pos] != '&' && p.src[p.pos] != '!' {
			break
		}
		anchor, tag, props = p.properties()
	}
	n := p.content(parent, compact && props < 0)
	return p.decorate(n, anchor, tag, props)
}

// TabIndent is the message of an Error at a line that a tab indents.
const TabIndent = "a tab indents this line: YAML takes blanks only"

// noTabIndent refuses a line that is indented with a tab: its column is not
// what it looks like, and YAML forbids it.
func (p *parser) noTabIndent() {
	if strings.IndexByte(p.src[p.ls:p.pos], '\t') >= 0 {
		p.fail(TabIndent)
	}
}

func (p *parser) decorate(n *Node, anchor, tag string, props int) *Node {
	if props < 0 {
		return n
	}
	if n.Props != n.Start || n.Kind == Alias {
		p.fail("an anchor or a tag that belongs to two values")
	}
	n.Anchor, n.Tag, n.Props = anchor, tag, props
	if anchor != "" {
		if p.anchors == nil {
			p.anchors = map[string]*Node{}
		}
		p.anchors[anchor] = n
	}
	return n
}

// properties reads an anchor and a tag, in any order.
func (p *parser) properties() (anchor, tag string, props int) {
	props = p.pos
	p.plain = false
	for p.pos < p.end && (p.src[p.pos] == '&' && anchor == "" || p.src[p.pos] == '!' && tag == "") {
		start := p.pos
		for p.pos < p.end && !blank(p.src[p.pos]) && !strings.ContainsRune(",[]{}", rune(p.src[p.pos])) {
			p.pos++
		}
		if p.src[start] == '&' {
			anchor = p.src[start+1 : p.pos]
			if anchor == "" {
				p.fail("an anchor without a name")
			}
		} else {
			tag = p.src[start:p.pos]
		}
		if !p.eol() {
			p.spaces()
		}
	}
	return anchor, tag, props
}

// content reads a value at the position itself.
func (p *parser) content(parent int, compact bool) *Node {
	c := p.src[p.pos]
	switch {
	case p.indicator(p.pos, '-'):
		if !compact {
			p.fail("a sequence that starts behind a key")
		}
		return p.blockSeq(p.pos - p.ls)
	case p.indicator(p.pos, '?'):
		p.fail(`a complex key ("? ")`)
	case c == '|' || c == '>':
		return p.blockScalar(parent)
	case c == '{' || c == '[':
		n := p.flow()
		p.noKeyBehind()
		return n
	case c == '*':
		if compact && p.keyAhead() {
			p.fail("an alias as a key")
		}
		n := p.alias()
		p.noKeyBehind()
		return n
	}
	if p.keyAhead() {
		if !compact {
			p.fail("mapping values are not allowed here")
		}
		return p.blockMap(p.pos - p.ls)
	}
	if c == '"' || c == '\'' {
		n := p.quoted()
		p.noKeyBehind()
		return n
	}
	return p.plainScalar(parent)
}

// noKeyBehind refuses a collection, a quoted scalar over several lines or an
// alias that turns out to be a key, and text behind a value.
func (p *parser) noKeyBehind() {
	if !p.eol() {
		p.spaces()
		p.fail("text behind a value")
	}
}

func (p *parser) alias() *Node {
	p.plain = false
	start := p.pos
	p.pos++
	for p.pos < p.end && !blank(p.src[p.pos]) && !strings.ContainsRune(",[]{}", rune(p.src[p.pos])) {
		p.pos++
	}
	n := p.node(Alias, Plain, start)
	n.End, n.Value = p.pos, p.src[start+1:p.pos]
	n.Target = p.anchors[n.Value]
	if n.Target == nil {
		p.pos = start
		p.fail("unknown anchor '" + n.Value + "' referenced")
	}
	return n
}

// keyAhead says whether an implicit key ("key:") starts at the position.
func (p *parser) keyAhead() bool {
	i := p.pos
	switch c := p.src[i]; c {
	case '"', '\'':
		for i++; i < p.end && p.src[i] != '\n'; i++ {
			if c == '"' && p.src[i] == '\\' {
				i++
				continue
			}
			if p.src[i] == c {
				if c == '\'' && i+1 < p.end && p.src[i+1] == c {
					i++
					continue
				}
				break
			}
		}
		if i >= p.end || p.src[i] == '\n' {
			return false
		}
		for i++; i < p.end && (p.src[i] == ' ' || p.src[i] == '\t'); i++ {
		}
		return p.indicator(i, ':')
	default:
		for ; i < p.end && p.src[i] != '\n'; i++ {
			if p.src[i] == ':' && (i+1 >= p.end || blank(p.src[i+1])) {
				p.key, p.colon = p.pos, i
				return true
			}
			if p.src[i] == '#' && i > p.pos && (p.src[i-1] == ' ' || p.src[i-1] == '\t') {
				return false
			}
		}
		return false
	}
}

func (p *parser) blockMap(col int) *Node {
	p.enter()
	defer func() { p.depth-- }()
	n := p.node(Map, Block, p.pos)
	n.Indent = col
	mark := p.mem.mark()
	for {
		var k *Node
		if c := p.src[p.pos]; c == '"' || c == '\'' {
			k = p.quoted()
			p.spaces()
			if len(k.Value) > 500 {
				p.plain = false
			}
		} else {
			if c == '&' || c == '!' || c == '*' || !plainStart(p, p.pos, false) {
				p.fail("a key that is not a plain or quoted word")
			}
			start := p.pos
			if p.key != start {
				p.keyAhead() // it is, or this would be no map
			}
			p.pos = p.colon
			k = p.node(Scalar, Plain, start)
			for k.End = p.colon; p.src[k.End-1] == ' ' || p.src[k.End-1] == '\t'; k.End-- {
			}
			k.Value = p.src[start:k.End]
			if len(k.Value) > 500 { // the library gives up at 1,024
				p.plain = false
			}
			if k.Value == "<<" {
				p.plain = false
			}
		}
		p.pos++ // the colon
		v := p.value(col, true, false)
		p.mem.push(k, v)
		n.End = max(v.End, k.End+1)
		p.skip()
		if p.pos >= p.end || p.pos-p.ls < col {
			n.Keys, n.Items = p.mem.pairs(mark)
			return n
		}
		p.noTabIndent()
		if p.pos-p.ls > col {
			p.fail("a line that is indented more than the key above it")
		}
		if p.indicator(p.pos, '-') || p.indicator(p.pos, '?') || !p.keyAhead() {
			p.fail("could not find expected ':'")
		}
	}
}

func (p *parser) blockSeq(col int) *Node {
	p.enter()
	defer func() { p.depth-- }()
	n := p.node(Seq, Block, p.pos)
	n.Indent = col
	mark := p.mem.mark()
	for {
		dash := p.pos
		p.pos++
		v := p.value(col, false, true)
		p.mem.push(v)
		n.End = max(v.End, dash+1)
		p.skip()
		if p.pos >= p.end || p.pos-p.ls < col {
			n.Items = p.mem.list(mark)
			return n
		}
		p.noTabIndent()
		if p.pos-p.ls > col {
			p.fail("a line that is indented more than the item above it")
		}
		if !p.indicator(p.pos, '-') {
			n.Items = p.mem.list(mark)
			return n
		}
	}
}
