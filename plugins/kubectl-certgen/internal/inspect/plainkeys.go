package inspect

import (
	"strconv"

	"go.yaml.in/yaml/v3"
)

// plainKeys gives the keys below a node that are no strings to YAML the names
// that kubectl sends them under (sigs.k8s.io/yaml, which reads YAML 1.1): 8443 is
// "8443", 0x1F is "31", and y is "true". One such key would keep its whole
// mapping from being read as an object.
func plainKeys(n *yaml.Node) {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && c.Kind == yaml.ScalarNode && c.Style == 0 {
			if name := plainKey(c); name != "" {
				c.Value, c.Tag, c.Style = name, "!!str", yaml.DoubleQuotedStyle
			}
		}
		plainKeys(c)
	}
}

func plainKey(n *yaml.Node) string {
	switch n.Value {
	case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE":
		return "true"
	case "n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE":
		return "false"
	}
	var i int64
	var f float64
	switch {
	case n.Tag == "!!int" && n.Decode(&i) == nil:
		return strconv.FormatInt(i, 10)
	case n.Tag == "!!float" && n.Decode(&f) == nil:
		return strconv.FormatFloat(f, 'g', -1, 32)
	}
	return ""
}
