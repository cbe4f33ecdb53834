package extensions

import (
	"errors"
	"fmt"
	"slices"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// evaluateRegistered evaluates the extensions that were registered and that no file has loaded, each as a Tiltfile of its own, and
// adds what they define.
func (f *Family) evaluateRegistered() error {
	for _, name := range f.names {
		e := f.extensions[name]
		if err := f.add(e.value, e.at); err != nil {
			return f.placed(e, err)
		}
	}
	return nil
}

// placed says where the extension was registered that failed with err.
func (f *Family) placed(e *registered[Extension], err error) error {
	own, ok := errors.AsType[*kit.Error](err) // of the extension's Tiltfile
	switch {
	case ok && own.File != "":
		f.run.CalledFrom(e.at, own)
		return err
	case ok:
		err = kit.Hint(fmt.Errorf("the extension %s: %s", e.value.Name, own.Message), "%s", own.Hint)
	}
	return kit.At(e.at, "v1alpha1.extension", err)
}

func (f *Family) add(e Extension, at kit.Trace) error {
	if slices.ContainsFunc(f.loaded(), func(name string) bool { return flat(name) == e.Name }) {
		return nil
	}
	repo, err := f.repo(e.RepoName)
	if err != nil {
		return err
	}
	file, err := f.open(e.Name, repo, e.RepoPath)
	if err != nil {
		return err
	}
	o := f.run.Options
	o.Within = append(slices.Clone(o.Within), o.Path)
	if slices.Contains(o.Within, file) {
		return nil // it registers itself
	}
	o.Path, o.Args, o.Resources = file, e.Args, nil
	p, err := f.evaluate(f.run, o)
	if err != nil {
		f.run.NoteAll(configFilesOf(err))
		return err
	}
	return f.merge(e.Name, p, at)
}

// loaded are the names of the extensions that files have loaded.
func (f *Family) loaded() (names []string) {
	for _, list := range f.used {
		names = append(names, list...)
	}
	return names
}

// merge adds the plan of a registered extension to that of the Tiltfile. Settings are the main Tiltfile's alone.
func (f *Family) merge(name string, p *plan.Plan, at kit.Trace) error {
	all := f.run.Plan
	for _, r := range p.Resources {
		if err := f.run.Claim(r.Name, at); err != nil {
			return fmt.Errorf("the extension %s: %w", name, err)
		}
		f.run.AddResource(r)
	}
	for _, image := range p.Images {
		if all.Image(image.Ref) != nil {
			return fmt.Errorf("the extension %s builds the image %s, which the Tiltfile builds too", name, image.Ref)
		}
		all.Images = append(all.Images, image)
	}
	for _, e := range p.Extensions {
		all.Extensions = mergeExtension(all.Extensions, e)
	}
	all.Compose = append(all.Compose, p.Compose...)
	for _, o := range p.Objects {
		if o.Kind != kindRepo && o.Kind != kindExtension { // those were for the extension alone
			f.run.ApplyObject(o)
		}
	}
	all.Warnings = append(all.Warnings, p.Warnings...)
	f.run.NoteAll(p.ConfigFiles)
	f.results = append(f.results, p.Resources...)
	return nil
}

// Enable gives the resources of registered extensions back what their own arguments say of them: the main Tiltfile's are about its
// own. It runs when the main Tiltfile's choice was made.
func (f *Family) Enable() error {
	for _, r := range f.results {
		f.run.Plan.Resource(r.Name).Enabled = r.Enabled
	}
	return nil
}

func configFilesOf(err error) []string {
	if e, ok := errors.AsType[*kit.Error](err); ok {
		return e.ConfigFiles
	}
	return nil
}
