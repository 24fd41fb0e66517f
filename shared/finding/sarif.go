package finding

import (
	"io"
	"net/url"
	"path/filepath"
	"strings"
)

// The part of SARIF 2.1.0 that code-scanning services read.
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool    sarifTool     `json:"tool"`
	Results []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID      string       `json:"id"`
	Short   sarifText    `json:"shortDescription"`
	Full    *sarifText   `json:"fullDescription,omitempty"`
	HelpURI string       `json:"helpUri,omitempty"`
	Default sarifDefault `json:"defaultConfiguration"`
}

type sarifDefault struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	RuleIndex int             `json:"ruleIndex"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
}

type sarifLocation struct {
	Physical *sarifPhysical `json:"physicalLocation,omitempty"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"`
	Kind string `json:"kind,omitempty"`
}

// WriteSARIF writes findings as a SARIF 2.1.0 log. The rules are those of the
// plugin; a rule that has no finding is left out.
func WriteSARIF(w io.Writer, tool, version string, rules []Rule, fs []Finding) error {
	level := func(s Severity) string {
		if s == Info {
			return "note"
		}
		return string(s)
	}
	used := map[string]bool{}
	for _, f := range fs {
		used[f.ID] = true
	}
	run := sarifRun{
		Tool:    sarifTool{Driver: sarifDriver{Name: tool, Version: version, Rules: []sarifRule{}}},
		Results: []sarifResult{},
	}
	index := map[string]int{}
	add := func(r Rule) {
		if _, ok := index[r.ID]; ok {
			return
		}
		index[r.ID] = len(run.Tool.Driver.Rules)
		sr := sarifRule{ID: r.ID, Short: sarifText{r.Title}, HelpURI: r.Docs, Default: sarifDefault{level(r.Severity)}}
		if r.Rationale != "" {
			sr.Full = &sarifText{Paragraphs(r.Rationale)}
		}
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sr)
	}
	for _, r := range rules {
		if used[r.ID] {
			add(r)
		}
	}
	for _, f := range fs {
		add(Rule{ID: f.ID, Title: f.Title, Severity: f.Severity, Docs: f.Docs})
		res := sarifResult{RuleID: f.ID, RuleIndex: index[f.ID], Level: level(f.Severity), Message: sarifText{f.Message}}
		var loc sarifLocation
		if f.Subject.Line > 0 || f.Subject.File != "" || f.Subject.Kind == "File" {
			name := f.Subject.File
			if name == "" {
				name = f.Subject.Name
			}
			loc.Physical = &sarifPhysical{Artifact: sarifArtifact{URI: uri(name)}}
			if f.Subject.Line > 0 {
				loc.Physical.Region = &sarifRegion{f.Subject.Line, f.Subject.Column}
			}
		} else if f.Subject.Name != "" {
			loc.Logical = []sarifLogical{{Name: f.Subject.Kind + "/" + f.Subject.Name, Kind: "resource"}}
		}
		if loc.Physical != nil || loc.Logical != nil {
			res.Locations = []sarifLocation{loc}
		}
		run.Results = append(run.Results, res)
	}
	return WriteJSON(w, sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

// uri writes a file's name as a reference: blanks and percent signs in it would
// end or change the reference. A drive letter needs a scheme before it, or it is
// taken for one.
func uri(name string) string {
	u := url.URL{Path: filepath.ToSlash(name)}
	switch volume := filepath.VolumeName(name); {
	case strings.HasPrefix(u.Path, "//") && volume != "": // \\host\share
		u.Scheme, u.Path = "file", strings.TrimPrefix(u.Path, "//")
		u.Host, u.Path, _ = strings.Cut(u.Path, "/")
		u.Path = "/" + u.Path
	case volume != "":
		u.Scheme, u.Path = "file", "/"+u.Path
	}
	return u.String()
}
