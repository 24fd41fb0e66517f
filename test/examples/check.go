package examples

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// Report counts what Check did.
type Report struct{ All, Ran, NeedCluster, Excepted int }

// Check runs every example of the documentation and fails the test for each
// that does not work. Without a cluster, those that fail only for the want of
// one are counted.
func Check(t *testing.T, r Runner) Report {
	t.Helper()
	all, err := All(r.Repo)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	var report Report
	// The examples of one guide's block go into one folder, one after another.
	var groups [][]Example
	for _, e := range all {
		report.All++
		if x := find(Exceptions, e); x != nil {
			used[x.Reason] = true
			report.Excepted++
			continue
		}
		alone := strings.HasSuffix(e.File, "-commands.md")
		if n := len(groups); n > 0 && !alone {
			if last := groups[n-1][0]; last.File == e.File && last.Block == e.Block {
				groups[n-1] = append(groups[n-1], e)
				continue
			}
		}
		groups = append(groups, []Example{e})
	}
	var wait sync.WaitGroup
	var lock sync.Mutex
	slots := make(chan bool, 4)
	for _, g := range groups {
		wait.Go(func() {
			slots <- true
			defer func() { <-slots }()
			ran, need := r.group(t, g)
			lock.Lock()
			defer lock.Unlock()
			report.Ran += ran
			report.NeedCluster += need
		})
	}
	wait.Wait()
	for _, x := range Exceptions {
		if !used[x.Reason] {
			t.Errorf("no example is excepted by %q any more", x.Match)
		}
	}
	return report
}

// group runs examples in one folder, and counts those that ran and those that
// want a cluster.
func (r Runner) group(t *testing.T, g []Example) (ran, need int) {
	dir, err := r.Scratch()
	if err != nil {
		t.Error(err)
		return 0, 0
	}
	for _, e := range g {
		res, err := r.Run(t.Context(), dir, e)
		if err != nil {
			t.Errorf("%s\n%v", e, err)
			continue
		}
		if res.Took > 20*time.Second {
			t.Logf("%s took %s", e, res.Took.Round(time.Second))
		}
		if r.Kubeconfig == "" && res.NoCluster() {
			need++
			continue
		}
		ran++
		if err := res.Failed(); err != nil {
			t.Errorf("%s\n%v", e, err)
			continue
		}
		if e.Output != nil && find(Loose, e) == nil {
			if err := Shows(e.Output, res.Stderr+res.Stdout); err != nil {
				t.Errorf("%s\n%v", e, err)
			}
		}
	}
	return ran, need
}

func find(table []Exception, e Example) *Exception {
	for i, x := range table {
		if x.Match.MatchString(e.Command) {
			return &table[i]
		}
	}
	return nil
}
