package notices

import (
	"strings"
	"testing"
)

func TestClassify(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\n Version 2.0, January 2004": "Apache-2.0",
		"Permission is hereby granted, free of charge, to any\nThe above copyright notice and this permission notice shall be included in all": "MIT",
		"Redistribution and use in source and binary forms, with or without\n* Neither the name of Google Inc.":                                "BSD-3-Clause",
		"Redistribution and use in source and binary forms, with or without":                                                                   "BSD-2-Clause",
		"Mozilla Public License Version 2.0": "MPL-2.0",
		"all rights reserved":                "",
	} {
		if got := strings.Join(Classify(text), ","); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if allowed("MPL-2.0") {
		t.Error("MPL-2.0 is not to be allowed without a decision")
	}
}
