// Command house makes the documents about the house itself, and says where they
// are not what the repository is: docs/errors.md (every error message, with what
// a user does next) and THIRD_PARTY.md (every dependency with its licence).
//
//	house errors|licenses [--check] REPOSITORY
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	check := len(args) > 1 && args[1] == "--check"
	if check {
		args = append(args[:1:1], args[2:]...)
	}
	if len(args) != 2 {
		return fmt.Errorf("usage: house errors|licenses [--check] REPOSITORY")
	}
	var file string
	var text []byte
	var err error
	switch args[0] {
	case "errors":
		file = "docs/errors.md"
		text, err = errorPage(args[1])
	case "licenses":
		file = "THIRD_PARTY.md"
		text, err = licensePage(args[1])
	default:
		return fmt.Errorf("%q: not one of errors, licenses", args[0])
	}
	if err != nil {
		return err
	}
	path := filepath.Join(args[1], file)
	if !check {
		return os.WriteFile(path, text, 0o644)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(old, text) {
		return fmt.Errorf("%s is not what the repository holds now: make docs", file)
	}
	return nil
}
