package yamltree

import "strings"

// flow reads a flow collection: KYAML and JSON are made of them.
func (p *parser) flow() *Node {
	p.enter()
	defer func() { p.depth-- }()
	kind, closing := Map, byte('}')
	if p.src[p.pos] == '[' {
		kind, closing = Seq, ']'
	}
	n := p.node(kind, Flow, p.pos)
	mark := p.mem.mark()
	p.pos++
	for {
		p.flowSkip()
		if p.src[p.pos] == closing {
			p.pos++
			n.End = p.pos
			if kind == Map {
				n.Keys, n.Items = p.mem.pairs(mark)
			} else {
				n.Items = p.mem.list(mark)
			}
			return n
		}
		if kind == Seq {
			v := p.flowValue()
			p.flowSkip()
			if p.src[p.pos] == ':' {
				p.fail("a single pair in a flow sequence")
			}
			p.mem.push(v)
		} else {
			k := p.flowKey()
			p.flowSkip()
			var v *Node
			if p.src[p.pos] == ':' {
				p.pos++
				at := p.pos
				if at < p.end && !blank(p.src[at]) && k.Style == Plain {
					p.plain = false
				}
				p.flowSkip()
				if c := p.src[p.pos]; c == ',' || c == '}' {
					p.plain = false
					v = p.node(Scalar, Plain, at)
					v.End = at
				} else {
					v = p.flowValue()
				}
			} else {
				p.plain = false
				v = p.node(Scalar, Plain, k.End)
				v.End = k.End
			}
			p.mem.push(k, v)
		}
		p.flowSkip()
		switch p.src[p.pos] {
		case ',':
			p.pos++
		case closing:
		default:
			p.fail("did not find expected ',' or '" + string(closing) + "'")
		}
	}
}

// flowSkip is skip inside a flow collection, which may not end there.
func (p *parser) flowSkip() {
	p.skip()
	if p.pos >= p.end {
		p.fail("the text ends inside a flow collection")
	}
}

func (p *parser) flowKey() *Node {
	switch c := p.src[p.pos]; c {
	case '"', '\'':
		return p.quoted()
	case '{', '[', '&', '*', '!', '?':
		p.fail("a key that is not a plain or quoted word")
	}
	k := p.flowPlain()
	if k.Value == "<<" {
		p.plain = false
	}
	return k
}

func (p *parser) flowValue() *Node {
	anchor, tag, props := "", "", -1
	if c := p.src[p.pos]; c == '&' || c == '!' {
		anchor, tag, props = p.properties()
		at := p.pos
		p.flowSkip()
		if c := p.src[p.pos]; c == ',' || c == '}' || c == ']' {
			n := p.node(Scalar, Plain, at)
			n.End = at
			return p.decorate(n, anchor, tag, props)
		}
	}
	var n *Node
	switch p.src[p.pos] {
	case '{', '[':
		n = p.flow()
	case '"', '\'':
		n = p.quoted()
	case '*':
		n = p.alias()
	default:
		n = p.flowPlain()
	}
	return p.decorate(n, anchor, tag, props)
}

// flowPlain reads a plain scalar in a flow collection, on one line.
func (p *parser) flowPlain() *Node {
	if !plainStart(p, p.pos, true) {
		p.fail("found a character that cannot start a value")
	}
	start := p.pos
	for p.pos < p.end {
		c := p.src[p.pos]
		if c == '\n' || strings.IndexByte(",[]{}", c) >= 0 ||
			c == '#' && blank(p.src[p.pos-1]) ||
			c == ':' && (p.pos+1 >= p.end || blank(p.src[p.pos+1]) || strings.IndexByte(",[]{}", p.src[p.pos+1]) >= 0) {
			break
		}
		p.pos++
	}
	n := p.node(Scalar, Plain, start)
	n.Value = strings.TrimRight(p.src[start:p.pos], " \t\r")
	n.End = start + len(n.Value)
	p.pos = n.End
	save, ls := p.pos, p.ls
	p.flowSkip()
	if c := p.src[p.pos]; c != ',' && c != ']' && c != '}' && c != ':' {
		p.fail("a plain value over several lines in a flow collection")
	}
	if p.src[p.pos] == ':' && p.ls != ls {
		p.plain = false // a key whose colon stands on another line
	}
	p.pos, p.ls = save, ls
	return n
}

// plainStart says whether a plain scalar may start at i.
func plainStart(p *parser, i int, flow bool) bool {
	c := p.src[i]
	switch c {
	case '-', '?', ':':
		return i+1 < p.end && !blank(p.src[i+1]) && !(flow && strings.IndexByte(",[]{}", p.src[i+1]) >= 0)
	case ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`':
		return false
	}
	return c > ' ' && c != 0x7f
}
