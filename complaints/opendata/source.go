package opendata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// manifestFile is the name of an Edition in a directory.
const manifestFile = "manifest.json"

// maxManifest bounds a manifest and a list of them, in octets.
const maxManifest = 16 << 20

var dayForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

// Directory is a Source of what Download wrote: a directory a day.
type Directory string

// Editions implements Source.
func (d Directory) Editions(context.Context) ([]Edition, error) {
	days, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	var list []Edition
	for _, day := range days {
		if !day.IsDir() || !dayForm.MatchString(day.Name()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(string(d), day.Name(), manifestFile))
		if err != nil {
			return nil, err
		}
		var e Edition
		if err := json.Unmarshal(b, &e); err != nil {
			return nil, errData("%s of %s: %v", manifestFile, day.Name(), err)
		}
		if e.Manifest.Day != day.Name() {
			return nil, errData("the directory %s holds another day", day.Name())
		}
		list = append(list, e)
	}
	return list, nil
}

// Open implements Source.
func (d Directory) Open(_ context.Context, day, file string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(string(d), day, file))
}

// Server is a Source of a service's own address.
type Server struct {
	URL    string // base URL of the portal
	Client *http.Client
}

// Editions implements Source.
func (s Server) Editions(ctx context.Context) ([]Edition, error) {
	var list []Edition
	for after := ""; ; {
		body, err := s.get(ctx, "/api/v1/open/complaints?limit=100&after="+url.QueryEscape(after))
		if err != nil {
			return nil, err
		}
		var page struct {
			Editions []Edition `json:"editions"`
			Next     string    `json:"next"`
		}
		err = json.NewDecoder(io.LimitReader(body, maxManifest)).Decode(&page)
		body.Close()
		if err != nil {
			return nil, errData("the list of editions: %v", err)
		}
		list = append(list, page.Editions...)
		if page.Next <= after {
			return list, nil
		}
		after = page.Next
	}
}

// Open implements Source.
func (s Server) Open(ctx context.Context, day, file string) (io.ReadCloser, error) {
	return s.get(ctx, "/open/complaints/"+url.PathEscape(day)+"/"+url.PathEscape(file))
}

func (s Server) get(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(s.URL, "/")+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json, text/csv")
	res, err := s.Client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, fmt.Errorf("get %s: %s", path, res.Status)
	}
	return res.Body, nil
}

// Download writes all editions of a source that are not there yet into a
// directory, which is a Source then.
func Download(ctx context.Context, src Source, dir string) (n int, err error) {
	list, err := src.Editions(ctx)
	if err != nil {
		return 0, err
	}
	for _, e := range list {
		day := e.Manifest.Day
		if !dayForm.MatchString(day) {
			return n, errData("%q is no day", day)
		}
		to := filepath.Join(dir, day)
		if _, err := os.Stat(filepath.Join(to, manifestFile)); err == nil {
			continue
		}
		if err := os.MkdirAll(to, 0o755); err != nil {
			return n, err
		}
		for _, name := range slices.Sorted(maps.Keys(files())) {
			if _, has := e.file(name); e.Pruned || !has && (name == LooksFile || name == MeasuresFile) {
				continue
			}
			if err := fetch(ctx, src, day, name, filepath.Join(to, name)); err != nil {
				return n, err
			}
		}
		b, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			return n, err
		}
		// Last: an edition without it is fetched again.
		if err := os.WriteFile(filepath.Join(to, manifestFile), b, 0o644); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func fetch(ctx context.Context, src Source, day, name, to string) (err error) {
	r, err := src.Open(ctx, day, name)
	if err != nil {
		return err
	}
	defer r.Close()
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, r)
	return errors.Join(err, file.Close())
}

// published is the Publisher as a Source.
type published struct{ p *Publisher }

// Source returns what the publisher has published as a Source.
func (p *Publisher) Source() Source { return published{p} }

func (s published) Editions(ctx context.Context) (all []Edition, err error) {
	for after, more := "", true; more; {
		var list []Edition
		if list, more, err = s.p.Editions(ctx, after, maxEditions); err != nil {
			return nil, err
		}
		all = append(all, list...)
		if more {
			after = list[len(list)-1].Manifest.Day
		}
	}
	return all, nil
}

func (s published) Open(ctx context.Context, day, file string) (io.ReadCloser, error) {
	e, err := s.p.LoadEdition(ctx, day)
	if err != nil {
		return nil, err
	}
	switch _, ok := e.file(file); {
	case !ok:
		return nil, errUnknown()
	case e.Pruned:
		return nil, errPruned(day)
	}
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(s.p.File(ctx, e, file, func(csv []byte) error {
			_, err := w.Write(slices.Clone(csv))
			return err
		}))
	}()
	return r, nil
}
