package manifest

import (
	"math"
	"strconv"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
)

// scalar types a scalar as sigs.k8s.io/yaml does: by YAML 1.1, in which yes and
// off are booleans and 0644 is octal.
func scalar(n *yamltree.Node) any {
	switch n.Tag {
	case "", "!!int", "!!bool", "!!float", "!!null":
	default:
		return n.Value
	}
	if n.Style != yamltree.Plain {
		return n.Value
	}
	v := n.Value
	switch v {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		return true
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		return false
	}
	if c := v[0]; c == '-' || c == '+' || c == '.' || c >= '0' && c <= '9' {
		if i, ok := integer(strings.ReplaceAll(v, "_", "")); ok {
			return i
		}
		if f, err := strconv.ParseFloat(v, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) && !strings.ContainsAny(v, "xXpP_") {
			return f
		}
	}
	return v
}

func integer(v string) (int64, bool) {
	sign, digits := "", v
	if strings.HasPrefix(v, "-") || strings.HasPrefix(v, "+") {
		sign, digits = strings.TrimPrefix(v[:1], "+"), v[1:]
	}
	base := 10
	switch {
	case strings.HasPrefix(digits, "0x"):
		base, digits = 16, digits[2:]
	case strings.HasPrefix(digits, "0o"):
		base, digits = 8, digits[2:]
	case strings.HasPrefix(digits, "0b"):
		base, digits = 2, digits[2:]
	case len(digits) > 1 && digits[0] == '0':
		base = 8
	}
	i, err := strconv.ParseInt(sign+digits, base, 64)
	return i, err == nil
}
