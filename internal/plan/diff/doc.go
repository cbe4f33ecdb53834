// Package diff says in what two plans differ, by resource: what is added, removed or changed, down to the image, the object or the
// argument.
//
//	for _, change := range diff.Plans(running, wanted) {
//		fmt.Println(change.Change, change.Name)
//		for _, part := range change.Parts {
//			lines, err := part.Lines() // YAML, with "+ " and "- " before what is another
//		}
//	}
//
// Lines show no value of a Secret. Before and After of a Part have everything.
package diff
