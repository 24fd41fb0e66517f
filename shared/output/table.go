package output

import (
	"fmt"
	"io"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// Table prints rows as kubectl does. wide shows the columns whose Priority is
// not 0 too, whatever room they take.
//
// columns is the width of the terminal, or 0 where there is none. A table that
// is wider is not left to the terminal, which would break it in the middle of
// words: cells of several words are folded, and the one named long, a node or a
// path, has a line of its own where it does not fit.
func Table(w io.Writer, t *metav1.Table, wide bool, columns int, long string) error {
	f := fitted{columns: columns, long: -1}
	for i, c := range t.ColumnDefinitions {
		if c.Priority > 0 {
			continue
		}
		if c.Name == long {
			f.long = len(f.head)
		}
		f.head = append(f.head, strings.ToUpper(c.Name))
		f.from = append(f.from, i)
	}
	for _, r := range t.Rows {
		var row []string
		for _, i := range f.from {
			row = append(row, fmt.Sprint(r.Cells[i]))
		}
		f.rows = append(f.rows, row)
	}
	if wide || columns == 0 || f.natural() <= columns {
		return printers.NewTablePrinter(printers.PrintOptions{Wide: wide}).PrintObj(t, w)
	}
	if !f.shrink("  ") {
		f.natural()
		f.shrink(" ")
	}
	var b strings.Builder
	f.print(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// fitted is a table that is to fit into a width.
type fitted struct {
	columns, long int
	between       string // two columns
	head          []string
	rows          [][]string
	from, width   []int
}

// natural finds the columns' widths, and returns the width that kubectl's table
// has.
func (f *fitted) natural() int {
	f.width = make([]int, len(f.head))
	for _, row := range append([][]string{f.head}, f.rows...) {
		for i, cell := range row {
			f.width[i] = max(f.width[i], fold.Width(cell))
		}
	}
	const gap = 3
	total := -gap
	for _, n := range f.width {
		total += n + gap
	}
	return total
}

// shrink takes room away: from the long column first, which has a line of its
// own to go to, then where words can be folded. It says whether that is enough.
func (f *fitted) shrink(between string) bool {
	f.between = between
	over := len(between)*(len(f.width)-1) - f.columns
	for _, n := range f.width {
		over += n
	}
	if f.long >= 0 && over > 0 {
		cut := min(over, f.width[f.long]-len(f.head[f.long]))
		f.width[f.long] -= cut
		over -= cut
	}
	least := make([]int, len(f.width))
	for _, row := range append([][]string{f.head}, f.rows...) {
		for i, cell := range row {
			for _, word := range strings.Fields(cell) {
				least[i] = max(least[i], fold.Width(word))
			}
		}
	}
	for over > 0 {
		most := -1
		for i, n := range f.width {
			if i != f.long && n > least[i] && (most < 0 || n-least[i] > f.width[most]-least[most]) {
				most = i
			}
		}
		if most < 0 {
			return false
		}
		f.width[most]--
		over--
	}
	return true
}

func (f *fitted) print(b *strings.Builder) {
	f.row(b, f.head)
	for _, row := range f.rows {
		if f.long < 0 || fold.Width(row[f.long]) <= f.width[f.long] {
			f.row(b, row)
			continue
		}
		rest := append([]string{}, row...)
		rest[f.long] = ""
		if f.long == 0 {
			fmt.Fprintln(b, row[0])
		}
		f.row(b, rest)
		if f.long > 0 {
			fold.Under(b, strings.Repeat(" ", f.width[0])+f.between, row[f.long], f.columns)
		}
	}
}

// row prints the cells of a row, each folded at its column's width.
func (f *fitted) row(b *strings.Builder, cells []string) {
	folded := make([][]string, len(cells))
	lines := 1
	for i, cell := range cells {
		folded[i] = strings.Split(fold.Wrap(cell, f.width[i]), "\n")
		lines = max(lines, len(folded[i]))
	}
	for n := range lines {
		var line strings.Builder
		for i, cell := range folded {
			if i > 0 {
				line.WriteString(f.between)
			}
			text := ""
			if n < len(cell) {
				text = cell[n]
			}
			line.WriteString(text)
			line.WriteString(strings.Repeat(" ", max(0, f.width[i]-fold.Width(text))))
		}
		fmt.Fprintln(b, strings.TrimRight(line.String(), " "))
	}
}
