package yamltree

// memory holds the nodes of a document. Nodes and the lists of their children
// come from chunks, and a memory that is reset gives the same chunks again: whoever
// reads a thousand short texts one after the other pays for the first.
type memory struct {
	nodes [][]Node // chunks
	chunk int      // the one in use
	next  int      // the next node of it
	lists []*Node  // what is left for lists of children
	kept  []*Node  // the whole of lists
	open  []*Node  // children of the collections that are being read
	lines []string // lines of the block scalar that is being read
}

// firstChunk is what a small manifest needs.
const firstChunk = 96

func (m *memory) node() *Node {
	if m.chunk < len(m.nodes) && m.next == len(m.nodes[m.chunk]) {
		m.chunk, m.next = m.chunk+1, 0
	}
	if m.chunk == len(m.nodes) {
		m.nodes = append(m.nodes, make([]Node, firstChunk<<min(m.chunk, 4)))
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
		m.lists = make([]*Node, max(2*firstChunk, n))
		m.kept = m.lists
	}
	out := m.lists[:n:n]
	m.lists = m.lists[n:]
	return out
}

// reset gives everything back. Nodes that were handed out must not be used any
// more.
func (m *memory) reset() {
	for i := range m.nodes[:min(m.chunk+1, len(m.nodes))] {
		clear(m.nodes[i])
	}
	m.chunk, m.next = 0, 0
	m.lists, m.open = m.kept, m.open[:0]
}

// Scratch reads short texts one after the other in the same memory. What it
// returned is gone with the next Parse.
type Scratch struct{ mem memory }

// Parse is Parse in the memory of the scratch.
func (s *Scratch) Parse(name, src string) *File {
	s.mem.reset()
	f := &File{Name: name, Src: src}
	for _, p := range f.split() {
		f.Docs = append(f.Docs, f.document(p.start, p.end, p.marked, &s.mem)...)
	}
	return f
}
