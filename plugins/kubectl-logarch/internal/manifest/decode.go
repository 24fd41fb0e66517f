package manifest

import (
	"reflect"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
)

// Decode reads a part of a manifest into a type of Kubernetes, without the maps
// that lie between in the usual way. It handles what nearly every manifest is made
// of and returns the first value of all else: for what has to be converted, refused
// or merged, ask runtime.DefaultUnstructuredConverter. What it does read it reads as
// the converter does.
func Decode(n *yamltree.Node, into any) *yamltree.Node {
	d := decoder{}
	if !d.decode(n, reflect.ValueOf(into).Elem()) {
		return d.at
	}
	return nil
}

// Into is Decode for what has to be right: where the quick way gives up the
// converter of Kubernetes decides. Where it refuses, what it refuses is returned, and
// a sentence on it.
func Into(n *yamltree.Node, into any) (at *yamltree.Node, wrong string) {
	if at = Decode(n, into); at == nil {
		return nil, ""
	}
	reflect.ValueOf(into).Elem().SetZero()
	m, _ := JSON(n).(map[string]any)
	if runtime.DefaultUnstructuredConverter.FromUnstructured(m, into) == nil {
		return nil, ""
	}
	what := "a long value"
	switch {
	case at.Kind == yamltree.Map:
		what = "a map"
	case at.Kind == yamltree.Seq:
		what = "a list"
	case len(at.Value) <= 40:
		what = strconv.Quote(at.Value)
		switch scalar(at).(type) { // y, 1.20: what was meant as a text
		case bool:
			what += " (to kubectl a boolean)"
		case int64, float64:
			what += " (to kubectl a number)"
		}
	}
	return at, what + " stands where something else belongs"
}

// decoder remembers where it gave up.
type decoder struct{ at *yamltree.Node }

var (
	quantityType    = reflect.TypeFor[resource.Quantity]()
	intOrStringType = reflect.TypeFor[intstr.IntOrString]()
	unmarshalerType = reflect.TypeFor[interface{ UnmarshalJSON([]byte) error }]()
)

// shape is what is known of a struct: where each JSON key goes.
type shape struct {
	fields map[string][]int
	own    bool // it reads JSON itself
}

var shapes sync.Map // of reflect.Type

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := &shape{fields: map[string][]int{}, own: reflect.PointerTo(t).Implements(unmarshalerType)}
	if !s.own {
		collect(t, nil, s.fields)
	}
	shapes.Store(t, s)
	return s
}

func collect(t reflect.Type, at []int, fields map[string][]int) {
	for i := range t.NumField() {
		f := t.Field(i)
		path := append(at[:len(at):len(at)], i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "" && (f.Anonymous || strings.Contains(options, "inline")) && f.Type.Kind() == reflect.Struct:
			collect(f.Type, path, fields)
		case name != "" && name != "-":
			fields[name] = path
		}
	}
}

func (d *decoder) decode(n *yamltree.Node, v reflect.Value) bool {
	n = n.Resolve()
	if n.IsNull() {
		v.SetZero()
		return true
	}
	t := v.Type()
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(t.Elem()))
		return d.decode(n, v.Elem())
	}
	switch n.Kind {
	case yamltree.Map:
		if n.Index("<<") >= 0 {
			return d.fail(n)
		}
		switch {
		case v.Kind() == reflect.Struct:
			return d.decodeStruct(n, v)
		case v.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
			return d.decodeMap(n, v)
		}
	case yamltree.Seq:
		if v.Kind() != reflect.Slice || t.Elem().Kind() == reflect.Uint8 {
			return d.fail(n)
		}
		list := reflect.MakeSlice(t, len(n.Items), len(n.Items))
		for i, item := range n.Items {
			if !d.decode(item, list.Index(i)) {
				return false
			}
		}
		v.Set(list)
		return true
	case yamltree.Scalar:
		if decodeScalar(n, v) {
			return true
		}
	}
	return d.fail(n)
}

func (d *decoder) fail(n *yamltree.Node) bool {
	if d.at == nil {
		d.at = n
	}
	return false
}

func (d *decoder) decodeStruct(n *yamltree.Node, v reflect.Value) bool {
	s := shapeOf(v.Type())
	if s.own {
		return d.fail(n)
	}
	for i, k := range n.Keys {
		path, ok := s.fields[k.Value]
		if !ok {
			continue
		}
		f := v.Field(path[0])
		for _, j := range path[1:] {
			f = f.Field(j)
		}
		if !f.IsZero() {
			f.SetZero() // a key that is written twice: the last one counts
		}
		if !d.decode(n.Items[i], f) {
			return false
		}
	}
	return true
}

func (d *decoder) decodeMap(n *yamltree.Node, v reflect.Value) bool {
	t := v.Type()
	m := reflect.MakeMapWithSize(t, len(n.Keys))
	for i, k := range n.Keys {
		value := reflect.New(t.Elem()).Elem()
		if !d.decode(n.Items[i], value) {
			return false
		}
		m.SetMapIndex(reflect.ValueOf(k.Value).Convert(t.Key()), value)
	}
	v.Set(m)
	return true
}

func decodeScalar(n *yamltree.Node, v reflect.Value) bool {
	switch x := scalar(n).(type) {
	case string:
		switch {
		case v.Kind() == reflect.String:
			v.SetString(x)
			return true
		case v.Type() == quantityType:
			q, err := resource.ParseQuantity(x)
			if err != nil {
				return false
			}
			v.Set(reflect.ValueOf(q))
			return true
		case v.Type() == intOrStringType:
			v.Set(reflect.ValueOf(intstr.FromString(x)))
			return true
		}
	case int64:
		switch {
		case v.CanInt() && !v.OverflowInt(x):
			v.SetInt(x)
			return true
		case v.Type() == intOrStringType && int64(int32(x)) == x:
			v.Set(reflect.ValueOf(intstr.FromInt32(int32(x))))
			return true
		case v.Type() == quantityType && n.Style == yamltree.Plain:
			q, err := resource.ParseQuantity(n.Value)
			if err != nil || strings.Trim(n.Value, "0123456789") != "" || len(n.Value) > 1 && n.Value[0] == '0' {
				return false
			}
			v.Set(reflect.ValueOf(q))
			return true
		}
	case bool:
		if v.Kind() == reflect.Bool {
			v.SetBool(x)
			return true
		}
	}
	return false
}
