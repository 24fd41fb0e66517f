// Command apitable writes the table of the resources, subresources and verbs
// of each Kubernetes version that kubectl auditpolicy carries, from the API
// descriptions in the k8s.io/kubernetes modules: api/discovery from 1.31 on,
// api/openapi-spec for the versions before.
//
//	go run ./cmd/apitable > ../plugins/kubectl-auditpolicy/internal/apitable/table.txt
//
// It downloads the module of one patch release for each minor version (30 MB
// each) unless folders that hold the descriptions are given as MINOR=FOLDER.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// versions are the releases that are read, one for each minor version.
var versions = []string{"v1.28.0", "v1.29.0", "v1.30.0", "v1.31.0", "v1.32.0", "v1.33.0", "v1.34.0", "v1.35.0", "v1.36.3", "v1.37.1"}

// key names a line of the table: what may differ between versions.
type key struct{ group, resource, kind, singular, short, scope, verbs string }

func main() {
	log.SetFlags(0)
	dirs := map[string]string{}
	for _, a := range os.Args[1:] {
		minor, dir, ok := strings.Cut(a, "=")
		if !ok {
			log.Fatalf("%q is not MINOR=FOLDER", a)
		}
		dirs[minor] = dir
	}
	byMinor := map[int]map[string]key{}
	for _, v := range versions {
		minor := strings.Split(v, ".")[1]
		dir := dirs[minor]
		if dir == "" {
			dir = download(v)
		}
		n, err := strconv.Atoi(minor)
		if err != nil {
			log.Fatal(err)
		}
		byMinor[n] = read(dir)
	}
	// The OpenAPI descriptions have no short names and no singular: those of the
	// next version that has them.
	for m := 36; m >= 28; m-- {
		for id, k := range byMinor[m] {
			if next, ok := byMinor[m+1][id]; ok && k.singular == "?" {
				k.singular, k.short = next.singular, next.short
				if strings.Contains(id, "/") || next.kind != "" && k.kind == "" {
					k.kind = next.kind
				}
			} else if k.singular == "?" {
				k.singular = strings.ToLower(k.kind)
				if strings.Contains(id, "/") {
					k.singular = ""
				}
			}
			byMinor[m][id] = k
		}
	}
	minors := map[key][]int{}
	for m := 28; m <= 37; m++ {
		for _, k := range byMinor[m] {
			minors[k] = append(minors[k], m)
		}
	}
	var lines []string
	for k, ms := range minors {
		lines = append(lines, strings.Join([]string{k.group, k.resource, k.kind, k.singular, k.short, k.scope, k.verbs, ranges(ms)}, "\t"))
	}
	slices.Sort(lines)
	fmt.Println("# Written by test/cmd/apitable from the API descriptions of " + versions[0] + " to " + versions[len(versions)-1] + ". Do not edit.")
	fmt.Println("# group resource kind singular short-names scope verbs minor-versions")
	for _, l := range lines {
		fmt.Println(l)
	}
}

func download(version string) string {
	out, err := exec.Command("go", "mod", "download", "-json", "k8s.io/kubernetes@"+version).Output()
	if err != nil {
		log.Fatalf("download %s: %v", version, err)
	}
	var m struct{ Dir string }
	if err := json.Unmarshal(out, &m); err != nil {
		log.Fatal(err)
	}
	return filepath.Join(m.Dir, "api")
}

func read(dir string) map[string]key {
	for _, f := range []string{"discovery/aggregated_v2.json", "aggregated_v2.json"} {
		if data, err := os.ReadFile(filepath.Join(dir, f)); err == nil {
			out := map[string]key{}
			discovery(data, out)
			if data, err := os.ReadFile(filepath.Join(filepath.Dir(filepath.Join(dir, f)), "api__v1.json")); err == nil {
				core(data, out)
			} else {
				log.Fatal(err)
			}
			return out
		}
	}
	for _, f := range []string{"openapi-spec/swagger.json", "swagger.json"} {
		if data, err := os.ReadFile(filepath.Join(dir, f)); err == nil {
			return openapi(data)
		}
	}
	log.Fatalf("%s holds neither discovery nor OpenAPI", dir)
	return nil
}

func add(out map[string]key, k key, verbs []string) {
	id := k.group + " " + k.resource
	if old, ok := out[id]; ok {
		// Of several API versions the verbs are united.
		verbs = append(verbs, strings.Split(old.verbs, ",")...)
	}
	slices.Sort(verbs)
	verbs = slices.DeleteFunc(slices.Compact(verbs), func(v string) bool { return v == "" })
	k.verbs = strings.Join(verbs, ",")
	out[id] = k
}

func discovery(data []byte, out map[string]key) {
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Versions []struct {
				Resources []struct {
					Resource, SingularResource, Scope string
					ShortNames, Verbs                 []string
					ResponseKind                      struct{ Kind string }
					Subresources                      []struct {
						Subresource  string
						Verbs        []string
						ResponseKind struct{ Kind string }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(data, &list); err != nil {
		log.Fatal(err)
	}
	for _, g := range list.Items {
		for _, v := range g.Versions {
			for _, r := range v.Resources {
				scope := r.Scope[:1]
				add(out, key{group: g.Metadata.Name, resource: r.Resource, kind: r.ResponseKind.Kind, singular: r.SingularResource,
					short: strings.Join(r.ShortNames, ","), scope: scope}, r.Verbs)
				for _, s := range r.Subresources {
					add(out, key{group: g.Metadata.Name, resource: r.Resource + "/" + s.Subresource, kind: s.ResponseKind.Kind, scope: scope}, s.Verbs)
				}
			}
		}
	}
}

func core(data []byte, out map[string]key) {
	var list struct {
		Resources []struct {
			Name, SingularName, Kind string
			Namespaced               bool
			Verbs, ShortNames        []string
		}
	}
	if err := json.Unmarshal(data, &list); err != nil {
		log.Fatal(err)
	}
	for _, r := range list.Resources {
		scope := "C"
		if r.Namespaced {
			scope = "N"
		}
		k := key{resource: r.Name, kind: r.Kind, singular: r.SingularName, short: strings.Join(r.ShortNames, ","), scope: scope}
		if strings.Contains(r.Name, "/") {
			k.singular = ""
		}
		add(out, k, r.Verbs)
	}
}

func openapi(data []byte) map[string]key {
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		log.Fatal(err)
	}
	out := map[string]key{}
	for path, methods := range doc.Paths {
		parts := strings.Split(strings.Trim(path, "/"), "/")
		group := ""
		switch {
		case len(parts) > 2 && parts[0] == "api":
			parts = parts[2:]
		case len(parts) > 3 && parts[0] == "apis":
			group, parts = parts[1], parts[3:]
		default:
			continue
		}
		watch := parts[0] == "watch"
		if watch {
			parts = parts[1:]
		}
		scope := "C"
		if len(parts) > 2 && parts[0] == "namespaces" && parts[1] == "{namespace}" {
			scope, parts = "N", parts[2:]
		}
		resource := parts[0]
		if len(parts) > 2 {
			resource += "/" + parts[2]
		}
		for method, raw := range methods {
			var op struct {
				Action string                `json:"x-kubernetes-action"`
				GVK    struct{ Kind string } `json:"x-kubernetes-group-version-kind"`
			}
			if method == "parameters" || json.Unmarshal(raw, &op) != nil || op.Action == "" {
				continue
			}
			verb := map[string]string{"post": "create", "put": "update", "watchlist": "watch"}[op.Action]
			if op.Action == "connect" {
				verb = map[string]string{"get": "get", "post": "create", "put": "update", "patch": "patch", "delete": "delete"}[method]
			} else if verb == "" {
				verb = op.Action
			}
			if verb == "" {
				continue
			}
			k := key{group: group, resource: resource, kind: op.GVK.Kind, singular: "?", scope: scope}
			if old, ok := out[group+" "+resource]; ok && old.scope == "N" {
				// The list over all namespaces has a path without one.
				k.scope = "N"
			}
			add(out, k, []string{verb})
		}
	}
	return out
}

func ranges(ms []int) string {
	slices.SortFunc(ms, cmp.Compare)
	var out []string
	for i := 0; i < len(ms); {
		j := i
		for j+1 < len(ms) && ms[j+1] == ms[j]+1 {
			j++
		}
		if i == j {
			out = append(out, strconv.Itoa(ms[i]))
		} else {
			out = append(out, fmt.Sprintf("%d-%d", ms[i], ms[j]))
		}
		i = j + 1
	}
	return strings.Join(out, ",")
}
