package issue

import (
	"context"
	"runtime"
	"sync"
)

// chunk is how many certificates become visible, and durable, as one set: large
// enough that the set's own syncs do not count, small enough that a stopped run
// has lost little.
const chunk = 250

// WriteError is a set that could not be written: what came before it is there.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return e.Err.Error() }
func (e *WriteError) Unwrap() error { return e.Err }

// Many makes many certificates: keys and signatures on all processors, files
// in sets of a few hundred. Requests that are satisfied already are left as
// they are, so that a run that was stopped is finished by running it again.
// done is called for every item whose set is written, in order.
func (f *Folder) Many(ctx context.Context, reqs []Request, done func(n int, it *Item)) error {
	n := 0
	// The next set is made while the last one is being written.
	type result struct {
		items []*Item
		err   error
	}
	ahead := make(chan result, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(ahead)
		for start := 0; start < len(reqs); start += chunk {
			items, err := f.prepareAll(ctx, reqs[start:min(start+chunk, len(reqs))])
			select {
			case ahead <- result{items, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for r := range ahead {
		if r.err != nil {
			return r.err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, it := range r.items {
			if err := f.Add(it); err != nil {
				return err
			}
		}
		if err := f.Commit(); err != nil {
			return &WriteError{err}
		}
		for _, it := range r.items {
			n++
			done(n, it)
		}
	}
	return ctx.Err()
}

func (f *Folder) prepareAll(ctx context.Context, reqs []Request) ([]*Item, error) {
	items := make([]*Item, len(reqs))
	errs := make([]error, len(reqs))
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				items[i], errs[i] = f.Prepare(reqs[i])
			}
		})
	}
feed:
	for i := range reqs {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return items, nil
}
