package kube

import (
	"encoding/base64"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// foldSecret writes stringData as the API server does, which else would differ from what it stores for ever.
func foldSecret(obj *unstructured.Unstructured) {
	texts, ok := obj.Object["stringData"].(map[string]any)
	if !ok || obj.GetKind() != "Secret" || obj.GetAPIVersion() != "v1" {
		return
	}
	data, _ := obj.Object["data"].(map[string]any)
	if data == nil {
		data = map[string]any{}
	}
	for key, value := range texts {
		text, ok := value.(string)
		if !ok {
			return // the API server says what is wrong with it
		}
		data[key] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	obj.Object["data"] = data
	delete(obj.Object, "stringData")
}

// foldDuplicates leaves the last of the variables of one name and of the ports of one number in each container, and says which
// were there more than once. A client-side apply takes such lists, and the kubelet does the same with them; a server-side
// apply refuses them.
func foldDuplicates(spec map[string]any) []string {
	var names []string
	for _, container := range containersOf(spec) {
		for field, key := range map[string]func(map[string]any) string{"env": envKey, "ports": portKey} {
			items, ok := container[field].([]any)
			if !ok {
				continue
			}
			kept, folded := lastOfEach(items, key)
			if len(folded) > 0 {
				container[field] = kept
				names = append(names, folded...)
			}
		}
	}
	slices.Sort(names)
	return names
}

// lastOfEach returns the items without those that have a later one of the same key, and the keys of these.
func lastOfEach(items []any, key func(map[string]any) string) (kept []any, folded []string) {
	seen := map[string]bool{}
	for _, item := range slices.Backward(items) {
		fields, ok := item.(map[string]any)
		if ok && seen[key(fields)] {
			folded = append(folded, key(fields))
			continue
		}
		if ok {
			seen[key(fields)] = true
		}
		kept = append(kept, item)
	}
	slices.Reverse(kept)
	return kept, folded
}

func envKey(variable map[string]any) string { return fmt.Sprintf("variable %v", variable["name"]) }

func portKey(port map[string]any) string {
	protocol := port["protocol"]
	if protocol == nil {
		protocol = "TCP"
	}
	return fmt.Sprintf("port %v/%v", port["containerPort"], protocol)
}
