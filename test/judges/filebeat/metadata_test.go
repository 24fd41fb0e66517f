package main

import (
	"testing"

	"gopkg.in/yaml.v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	_ "github.com/elastic/beats/v7/filebeat/processor/add_kubernetes_metadata"
	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/libbeat/common/kubernetes"
	"github.com/elastic/beats/v7/libbeat/common/kubernetes/metadata"
	metadataprocessor "github.com/elastic/beats/v7/libbeat/processors/add_kubernetes_metadata"
)

// named is metadata that names its pod.
type named struct{ metadata.MetaGen }

func (named) Generate(o kubernetes.Resource, _ ...metadata.FieldOptions) common.MapStr {
	return common.MapStr{"pod": o.(*corev1.Pod).Name}
}

// TestMetadataIsFound gives the indexers and matchers that the node's
// configuration names a pod and a path below /var/log/pods: the key under which
// Filebeat keeps the pod has to be the one that it makes of the path.
func TestMetadataIsFound(t *testing.T) {
	var conf struct {
		Processors []map[string]struct {
			Indexers, Matchers []map[string]map[string]any
		}
	}
	if err := yaml.Unmarshal([]byte(node(t)), &conf); err != nil {
		t.Fatal(err)
	}
	plugins := func(in []map[string]map[string]any) metadataprocessor.PluginConfig {
		var out metadataprocessor.PluginConfig
		for _, m := range in {
			for name, c := range m {
				if c == nil {
					c = map[string]any{}
				}
				out = append(out, map[string]common.Config{name: *common.MustNewConfigFrom(c)})
			}
		}
		return out
	}
	p := conf.Processors[0]["add_kubernetes_metadata"]
	matchers := metadataprocessor.NewMatchers(plugins(p.Matchers))
	key := matchers.MetadataIndex(common.MapStr{"log": common.MapStr{"file": common.MapStr{"path": "/var/log/pods/shop_web-0_0f0e0d0c-1111-2222-3333-444455556666/app/0.log"}}})
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-0", Namespace: "shop", UID: "0f0e0d0c-1111-2222-3333-444455556666"}}
	found := func(indexers metadataprocessor.PluginConfig) bool {
		for _, m := range metadataprocessor.NewIndexers(indexers, named{}).GetMetadata(pod) {
			if m.Index == key {
				return true
			}
		}
		return false
	}
	if !found(plugins(p.Indexers)) {
		t.Errorf("nothing is kept under %q", key)
	}
	// Without them the metadata would be missing, in silence.
	if found(metadataprocessor.Indexing.GetDefaultIndexerConfigs()) {
		t.Error("the default indexers find it too: the configuration need not name any")
	}
}
