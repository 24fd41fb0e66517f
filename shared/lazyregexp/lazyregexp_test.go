package lazyregexp

import "testing"

func TestCompilesOnFirstUseOnly(t *testing.T) {
	bad := New("(")
	defer func() {
		if recover() == nil {
			t.Error("an expression that does not compile was used without a word")
		}
	}()
	if r := New(`a(\d)`); !r.MatchString("a1") || r.FindStringSubmatch("xa2")[1] != "2" || r.String() != `a(\d)` {
		t.Error("not the regexp that it stands for")
	}
	bad.MatchString("x")
}
