package main

import (
	"strings"
	"testing"
)

func TestNextSteps(t *testing.T) {
	next, faults := readNext("## certgen\nb …\n\twrite a c\nc\n\twrite a d\n")
	if len(faults) > 0 || len(next) != 2 || next[key{"certgen", "b …"}] != "write a c" {
		t.Errorf("%v, %v", next, faults)
	}
	for text, want := range map[string]string{
		"## certgen\na\n\tsaid\n":                      "that is no next step",
		"## certgen\n\twrite a c\n":                    "no message stands above it",
		"## certgen\na\n\twrite a c\n\twrite a d\n":    "no message stands above it",
		"## certgen\nb\n\twrite a c\na\n\twrite a d\n": "out of the order",
		"## certgen\na\n\twrite a c\na\n\twrite a d\n": "is there twice",
	} {
		if _, faults := readNext(text); !strings.Contains(strings.Join(faults, "\n"), want) {
			t.Errorf("%q: %v, want %q", text, faults, want)
		}
	}
}

func TestFlagsOfNextSteps(t *testing.T) {
	for step, want := range map[string]string{
		"`kubectl certgen ca --out DIR`":                          "",
		"`kubectl certgen ca --nowhere DIR`":                      "kubectl certgen --nowhere",
		"`kubectl certgen ca --ou DIR`":                           "kubectl certgen --ou",
		"`cat x | kubectl logarch parse - --nowhere`":             "kubectl logarch --nowhere",
		"`kubectl nodehealth shell NODE -- journalctl --nowhere`": "",
		"`kubectl get nodes --nowhere`":                           "",
	} {
		got, err := unknownFlags("../..", step)
		if err != nil || strings.Join(got, ",") != want {
			t.Errorf("%s: %v, %v, want %q", step, got, err, want)
		}
	}
}
