package docker_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// dashboard is what our files use of Grafana's schema for dashboards, version
// 41 (Grafana 12); what is not here is an error.
type dashboard struct {
	UID           string   `json:"uid"`
	Title         string   `json:"title"`
	Description   string   `json:"description"`
	Tags          []string `json:"tags"`
	SchemaVersion int      `json:"schemaVersion"`
	Version       int      `json:"version"`
	Editable      bool     `json:"editable"`
	GraphTooltip  int      `json:"graphTooltip"`
	Refresh       string   `json:"refresh"`
	Time          struct {
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"time"`
	Timezone    string                    `json:"timezone"`
	Links       []map[string]any          `json:"links"`
	Annotations struct{ List []struct{} } `json:"annotations"`
	Templating  struct {
		List []variable `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type variable struct {
	Name       string          `json:"name"`
	Label      string          `json:"label"`
	Type       string          `json:"type"`
	Datasource *datasource     `json:"datasource,omitempty"`
	Query      json.RawMessage `json:"query"` // a name, or refId and query
	Definition string          `json:"definition"`
	Refresh    int             `json:"refresh"`
	Sort       int             `json:"sort"`
	Hide       int             `json:"hide"`
	IncludeAll bool            `json:"includeAll"`
	Multi      bool            `json:"multi"`
	AllValue   string          `json:"allValue"`
	Options    []struct{}      `json:"options"`
	Current    map[string]any  `json:"current"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type panel struct {
	ID          int                      `json:"id"`
	Type        string                   `json:"type"`
	Title       string                   `json:"title"`
	Description string                   `json:"description"`
	GridPos     struct{ H, W, X, Y int } `json:"gridPos"`
	Collapsed   bool                     `json:"collapsed"`
	Panels      []struct{}               `json:"panels"`
	Datasource  *datasource              `json:"datasource"`
	Targets     []target                 `json:"targets"`
	FieldConfig struct {
		Defaults struct {
			Unit       string `json:"unit"`
			Decimals   int    `json:"decimals"`
			Min        int    `json:"min"`
			NoValue    string `json:"noValue"`
			Thresholds struct {
				Mode  string `json:"mode"`
				Steps []struct {
					Color string   `json:"color"`
					Value *float64 `json:"value"`
				} `json:"steps"`
			} `json:"thresholds"`
			Color    struct{ Mode string } `json:"color"`
			Mappings []map[string]any      `json:"mappings"`
			Custom   map[string]any        `json:"custom"`
		} `json:"defaults"`
		Overrides []map[string]any `json:"overrides"`
	} `json:"fieldConfig"`
	Options         map[string]any   `json:"options"`
	Transformations []map[string]any `json:"transformations"`
}

type target struct {
	RefID        string      `json:"refId"`
	Datasource   *datasource `json:"datasource"`
	Expr         string      `json:"expr"`
	LegendFormat string      `json:"legendFormat"`
	Range        bool        `json:"range"`
	Instant      bool        `json:"instant"`
	EditorMode   string      `json:"editorMode"`
	Format       string      `json:"format"`
}

// dashboards reads all of them, by file name.
func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	files, err := filepath.Glob("grafana/dashboards/*.json")
	if err != nil || len(files) != 2 {
		t.Fatalf("got dashboards %v, %v; want two", files, err)
	}
	all := map[string]dashboard{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.DisallowUnknownFields()
		var d dashboard
		if err := decoder.Decode(&d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[path.Base(file)] = d
	}
	return all
}

// variablesOf are what a query may name: Grafana's own and the dashboard's.
func variablesOf(d *dashboard) map[string]bool {
	names := map[string]bool{"__rate_interval": true}
	for _, v := range d.Templating.List {
		names[v.Name] = true
	}
	return names
}

var variableName = regexp.MustCompile(`\$\{?(\w+)\}?`)

func TestDashboards(t *testing.T) {
	units := regexp.MustCompile(`^(none|s|ops|reqps|bytes|percentunit)$`)
	uids := map[string]bool{}
	for file, d := range dashboards(t) {
		if d.UID+".json" != file || uids[d.UID] || d.SchemaVersion != 41 || d.Title == "" || d.Description == "" {
			t.Errorf("%s: uid %q, schema %d, title %q", file, d.UID, d.SchemaVersion, d.Title)
		}
		uids[d.UID] = true
		known := variablesOf(&d)
		checkVariables(t, file, &d, known)
		ids, taken := map[int]bool{}, map[[2]int]string{}
		for _, p := range d.Panels {
			where := file + ": " + p.Title
			if p.ID <= 0 || ids[p.ID] || p.Title == "" {
				t.Errorf("%s: id %d is not its own, or no title", where, p.ID)
			}
			ids[p.ID] = true
			g := p.GridPos
			if g.X < 0 || g.Y < 0 || g.W <= 0 || g.H <= 0 || g.X+g.W > 24 {
				t.Errorf("%s: outside of the grid: %+v", where, g)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" {
						t.Fatalf("%s lies over %s", where, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			if p.Type == "row" {
				continue
			}
			checkPanel(t, where, &p, known)
			if !units.MatchString(p.FieldConfig.Defaults.Unit) {
				t.Errorf("%s: unit %q", where, p.FieldConfig.Defaults.Unit)
			}
		}
	}
}

func checkVariables(t *testing.T, file string, d *dashboard, known map[string]bool) {
	t.Helper()
	for i, v := range d.Templating.List {
		switch {
		case i == 0 && (v.Name != "datasource" || v.Type != "datasource"):
			t.Errorf("%s: the first variable is %s, want the data source", file, v.Name)
		case i > 0 && (v.Type != "query" || v.Datasource == nil || v.Datasource.UID != "${datasource}" || !v.IncludeAll || v.AllValue != ".*"):
			t.Errorf("%s: variable %+v", file, v)
		}
	}
	if !known["group"] && !known["instance"] {
		t.Errorf("%s: no choice of groups or processes", file)
	}
}

func checkPanel(t *testing.T, where string, p *panel, known map[string]bool) {
	t.Helper()
	switch p.Type {
	case "stat", "timeseries", "table":
	default:
		t.Errorf("%s: type %q", where, p.Type)
	}
	if len(p.Description) < 30 {
		t.Errorf("%s: the description says too little: %q", where, p.Description)
	}
	if p.Datasource == nil || p.Datasource.UID != "${datasource}" {
		t.Errorf("%s: data source %+v", where, p.Datasource)
	}
	if steps := p.FieldConfig.Defaults.Thresholds.Steps; len(steps) == 0 || steps[0].Value != nil {
		t.Errorf("%s: thresholds %+v, want the first without a value", where, steps)
	}
	refs := map[string]bool{}
	for _, q := range p.Targets {
		if q.RefID == "" || refs[q.RefID] || q.Expr == "" || q.Range == q.Instant || q.Datasource == nil || q.Datasource.UID != "${datasource}" {
			t.Errorf("%s: target %+v", where, q)
		}
		refs[q.RefID] = true
		for _, m := range variableName.FindAllStringSubmatch(q.Expr, -1) {
			if !known[m[1]] {
				t.Errorf("%s: no variable %s", where, m[1])
			}
		}
	}
	if len(p.Targets) == 0 {
		t.Errorf("%s: no query", where)
	}
}

// TestDashboardsAreProvisioned follows the files into the container.
func TestDashboardsAreProvisioned(t *testing.T) {
	var config struct {
		Version   int `yaml:"apiVersion"`
		Providers []struct {
			Name            string `yaml:"name"`
			Type            string `yaml:"type"`
			Folder          string `yaml:"folder"`
			DisableDeletion bool   `yaml:"disableDeletion"`
			AllowUIUpdates  bool   `yaml:"allowUiUpdates"`
			Options         struct {
				Path string `yaml:"path"`
			} `yaml:"options"`
		} `yaml:"providers"`
	}
	decodeStrictly(t, "grafana/provisioning/dashboards/belfry.yml", &config)
	if config.Version != 1 || len(config.Providers) != 1 || config.Providers[0].Type != "file" {
		t.Fatalf("got %+v, want one provider of files", config)
	}
	mounted := false
	for _, v := range load(t, nil).Services["grafana"].Volumes {
		mounted = mounted || v.Target == config.Providers[0].Options.Path && strings.HasSuffix(filepath.ToSlash(v.Source), "/grafana/dashboards")
	}
	if !mounted {
		t.Errorf("%s is not mounted into the container", config.Providers[0].Options.Path)
	}
}
