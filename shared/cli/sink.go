package cli

import (
	"io"
	"os"
	"sync"
)

// sink is standard output. It remembers what could not be written, so that no
// command can lose a part of its result and call that a success.
type sink struct {
	io.Writer
	mu  sync.Mutex
	err error
}

func (s *sink) Write(b []byte) (int, error) {
	n, err := s.Writer.Write(b)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err == nil {
			s.err = err
		}
	}
	return n, err
}

// failed is the first error of a write.
func (s *sink) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Beneath is the stream that a command's standard output goes to, for what has to
// know whether it is a terminal.
func Beneath(w io.Writer) io.Writer {
	if s, ok := w.(*sink); ok {
		return s.Writer
	}
	return w
}

// file is a stream that is a file, nil where it is none.
func file(stream any) *os.File {
	if w, ok := stream.(io.Writer); ok {
		stream = Beneath(w)
	}
	f, _ := stream.(*os.File)
	return f
}
