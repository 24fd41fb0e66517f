package yamltree

// memory holds the nodes of a document. Nodes and the lists of their children
// come from chunks, and a memory that is reset gives the same chunks again: whoever
// reads a thousand short texts one after the other pays for the first.
type memory struct {
	hint    int      // how many bytes of text are to be read
	nodes   [][]Node // chunks
	chunk   int      // the one in use
	next    int      // the next node of it
	lists   []*Node  // what is left for lists of children
	kept    []*Node  // the whole of lists
	open    []*Node  // children of the collections that are being read
	literal literal  // the last long one
	lines   []string // lines of the block scalar that is being read
}

func (m *memory) node() *Node {
	if m.chunk < len(m.nodes) && m.next == len(m.nodes[m.chunk]) {
		m.chunk, m.next = m.chunk+1, 0
	}
	if m.chunk == len(m.nodes) {
		m.nodes = append(m.nodes, make([]Node, max(m.hint/8, 16)))
		m.hint /= 2
	}
	n := &m.nodes[m.chunk][m.next]
	m.next++
	return n
}

// mark is where the children of a collection start.
func (m *memory) mark() int { return len(m.open) }

func (m *memory) push(n ...*Node) { m.open = append(m.open, n...) }

// list takes the children from a mark on.
func (m *memory) list(mark int) []*Node {
	out := m.take(len(m.open) - mark)
	copy(out, m.open[mark:])
	m.open = m.open[:mark]
	return out
}

// pairs takes the keys and values from a mark on.
func (m *memory) pairs(mark int) (keys, values []*Node) {
	n := (len(m.open) - mark) / 2
	keys, values = m.take(n), m.take(n)
	for i := range n {
		keys[i], values[i] = m.open[mark+2*i], m.open[mark+2*i+1]
	}
	m.open = m.open[:mark]
	return keys, values
}

func (m *memory) take(n int) []*Node {
	if n == 0 {
		return nil
	}
	if n > len(m.lists) {
		m.lists = make([]*Node, max(m.hint/8, 64, n))
		m.kept = m.lists
	}
	out := m.lists[:n:n]
	m.lists = m.lists[n:]
	return out
}

// reset gives everything back. Nodes that were handed out must not be used any
// more.
func (m *memory) reset(hint int) {
	m.hint = hint
	for i := range m.nodes[:min(m.chunk+1, len(m.nodes))] {
		clear(m.nodes[i])
	}
	m.chunk, m.next = 0, 0
	m.lists, m.open = m.kept, m.open[:0]
}

// Scratch reads short texts one after the other in the same memory. What it
// returned is gone with the next reading.
type Scratch struct{ mem memory }

// Parse is the function Parse in the memory of the scratch.
func (s *Scratch) Parse(name, src string) *File {
	f, parts := Split(name, src)
	s.mem.reset(len(src))
	for _, p := range parts {
		f.Docs = append(f.Docs, f.document(p.start, p.end, p.marked, &s.mem)...)
	}
	return f
}

// Docs reads the documents of a part of a file.
func (s *Scratch) Docs(f *File, p Part) []*Doc {
	s.mem.reset(p.end - p.start)
	return f.document(p.start, p.end, p.marked, &s.mem)
}
