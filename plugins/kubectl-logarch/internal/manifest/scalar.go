package manifest

import (
	"encoding/base64"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
)

// float is what the YAML library of kubectl takes for one.
var float = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// scalar types a scalar as sigs.k8s.io/yaml does: by YAML 1.1, in which y and off
// are booleans and 0644 is octal.
func scalar(n *yamltree.Node) any {
	v := n.Value
	switch n.Tag {
	case "":
		if n.Style != yamltree.Plain {
			return v
		}
	case "!!int", "!!bool", "!!float", "!!null":
	case "!!binary":
		if b, err := base64.StdEncoding.DecodeString(v); err == nil {
			return string(b)
		}
		return v
	default:
		return v
	}
	switch v {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y":
		return true
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N":
		return false
	}
	if c := v[0]; c == '-' || c == '+' || c == '.' || c >= '0' && c <= '9' {
		return number(v)
	}
	return v
}

// number types what may be a number.
func number(v string) any {
	if v[0] == '.' {
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			return f
		}
		return v
	}
	digits := strings.ReplaceAll(v, "_", "")
	i, err := strconv.ParseInt(digits, 0, 64)
	if err == nil {
		return i
	}
	if u, err := strconv.ParseUint(digits, 0, 64); err == nil {
		return float64(u)
	}
	if float.MatchString(digits) {
		if f, err := strconv.ParseFloat(digits, 64); err == nil && !math.IsInf(f, 0) {
			return f
		}
	}
	return v
}
