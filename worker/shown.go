package worker

import (
	"strconv"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/plan"
)

// show adds to the status what only people need: workflows do not, and links may have secrets in them, which have no place
// in a history.
func show(s api.Status, p *plan.Plan) api.Status {
	if p == nil {
		return s
	}
	for i := range s.Resources {
		if r := p.Resource(s.Resources[i].Name); r != nil {
			s.Resources[i].Labels, s.Resources[i].Endpoints = r.Labels, endpoints(r)
		}
	}
	return s
}

// endpoints are the URLs of a resource's port-forwards and links.
func endpoints(r *plan.Resource) (urls []string) {
	if r.Kubernetes != nil {
		for _, f := range r.Kubernetes.PortForwards {
			host := f.Host
			if host == "" {
				host = "localhost"
			}
			urls = append(urls, "http://"+host+":"+strconv.Itoa(f.LocalPort)+f.LinkPath)
		}
	}
	for _, link := range r.Links {
		urls = append(urls, link.URL)
	}
	return urls
}
