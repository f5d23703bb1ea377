package letter

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	texttemplate "text/template"

	"golang.org/x/text/language"

	"github.com/belfry/belfry/sources/yamlfile"
)

//go:embed templates
var builtin embed.FS

// The files of templates: words of each language, and two layouts, of which a language may
// have its own ("letter.ko.html").
const (
	wordsExt   = ".yaml"
	layoutName = "letter"
	textExt    = ".txt"
	htmlExt    = ".html"
)

// maxFile is the largest file of templates, in bytes.
const maxFile = 1 << 20

// Templates are what letters are made with. They are safe for concurrent use.
type Templates struct {
	words map[string]*Words                 // by language
	text  map[string]*texttemplate.Template // by language, "" for all others
	html  map[string]*htmltemplate.Template
}

// Languages returns the languages that there are words of, in order.
func (t *Templates) Languages() []string { return slices.Sorted(maps.Keys(t.words)) }

// Load returns the built-in templates, with the files of dir in place of those of the same
// name; "" for none. Words that a file of a built-in language does not have stay as they
// are. Each language is tried with letters of all kinds. The error of wrong templates is a
// [*yamlfile.Error] with all places; any other is that of a folder that cannot be read.
func Load(dir string) (*Templates, error) {
	own, err := fs.Sub(builtin, "templates")
	if err != nil {
		return nil, fmt.Errorf("read the built-in templates: %w", err)
	}
	l := &loader{t: &Templates{map[string]*Words{}, map[string]*texttemplate.Template{}, map[string]*htmltemplate.Template{}}, names: map[string]string{}}
	if err := l.folder(own, ""); err != nil {
		return nil, err
	}
	if dir != "" {
		if err := l.folder(os.DirFS(dir), dir); err != nil {
			return nil, err
		}
		if l.files == 0 {
			l.wrong(dir, 0, "", "holds no templates; there may be %s, letter.txt and letter.html", "<language>.yaml")
		}
	}
	if len(l.problems) == 0 {
		l.try()
	}
	if len(l.problems) > 0 {
		slices.SortStableFunc(l.problems, func(a, b yamlfile.Problem) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
		})
		return nil, &yamlfile.Error{Problems: slices.Compact(l.problems)}
	}
	return l.t, nil
}

// loader collects what is wrong with templates.
type loader struct {
	t        *Templates
	names    map[string]string // paths of layouts, by the names of templates
	files    int               // of the last folder
	problems []yamlfile.Problem
}

func (l *loader) wrong(file string, line int, field, format string, args ...any) {
	column := 0
	if line > 0 {
		column = 1
	}
	l.problems = append(l.problems, yamlfile.Problem{File: file, Line: line, Column: column, Field: field, Text: fmt.Sprintf(format, args...)})
}

func (l *loader) folder(dir fs.FS, path string) error {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		if at, ok := errors.AsType[*fs.PathError](err); ok { // of a folder that says no more than "."
			err = at.Err
		}
		return fmt.Errorf("read the folder of templates %s: %w", path, err)
	}
	l.files = 0
	for _, e := range entries {
		name, at := e.Name(), filepath.Join(path, e.Name())
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
			continue // of editors, and of Kubernetes' volumes
		}
		info, err := fs.Stat(dir, name) // a volume has links
		if err != nil {
			return fmt.Errorf("read a template: %w", err)
		}
		if info.IsDir() {
			continue
		}
		if info.Size() > maxFile {
			l.wrong(at, 0, "", "has %d bytes, %d at the most", info.Size(), maxFile)
			continue
		}
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return fmt.Errorf("read a template: %w", err)
		}
		l.files++
		l.file(name, at, string(text))
	}
	return nil
}

func (l *loader) file(name, at, text string) {
	ext := filepath.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	if ext == wordsExt {
		tag, err := language.Parse(stem)
		if err != nil || stem == "und" {
			l.wrong(at, 0, "", "its name is no language; name it by a tag (BCP 47), such as ko.yaml or pt-BR.yaml")
			return
		}
		f := &yamlfile.File{Name: at}
		words := parseWords(f, text, tag, l.t.words[stem])
		f.Sort()
		l.problems = append(l.problems, f.Problems...)
		l.t.words[stem] = words
		return
	}
	of, isLayout := strings.CutPrefix(stem, layoutName)
	if of, isLayout = strings.TrimPrefix(of, "."), isLayout && (of == "" || strings.HasPrefix(of, ".")); !isLayout || ext != textExt && ext != htmlExt {
		l.wrong(at, 0, "", "is no file of templates; there may be <language>.yaml, letter.txt, letter.html, and letter.<language>.txt and .html")
		return
	}
	if of != "" {
		if _, err := language.Parse(of); err != nil {
			l.wrong(at, 0, "", "%.40q is no language; name the file letter%s, or by a tag (BCP 47) such as letter.ko%s", of, ext, ext)
			return
		}
	}
	l.names[name] = at
	var err error
	if ext == textExt {
		var t *texttemplate.Template
		if t, err = texttemplate.New(name).Parse(text); err == nil {
			l.t.text[of] = t
		}
	} else {
		var t *htmltemplate.Template
		if t, err = htmltemplate.New(name).Parse(text); err == nil {
			l.t.html[of] = t
		}
	}
	if err != nil {
		l.templateWrong(at, err)
	}
}

// templatePlace is how both packages of templates begin their errors.
var templatePlace = regexp.MustCompile(`^(?:html/)?template: ?[^:]*:(\d+)(?::\d+)?: (?:executing "[^"]*" at |)`)

// templateWrong adds the error of a template, which has the line.
func (l *loader) templateWrong(at string, err error) {
	text, line := err.Error(), 1
	if m := templatePlace.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1]) // digits
		text = text[len(m[0]):]
	}
	l.wrong(at, max(line, 1), "", "%s", strings.ReplaceAll(text, "\n", " "))
}

// try writes letters of all kinds in each language.
func (l *loader) try() {
	for of := range l.t.text {
		l.knownLanguage(of, textExt)
	}
	for of := range l.t.html {
		l.knownLanguage(of, htmlExt)
	}
	for _, name := range l.t.Languages() {
		for _, v := range samples(name, l.t.words[name]) {
			for _, one := range []struct {
				ext  string
				make func(*view) (string, error)
			}{{textExt, l.t.writeText}, {htmlExt, l.t.writeHTML}} {
				text, err := one.make(v)
				at := l.layout(name, one.ext)
				switch {
				case err != nil:
					l.templateWrong(at, err)
				case len(v.Leave) > 0 && !strings.Contains(strings.ReplaceAll(text, "&amp;", "&"), v.Leave[0].URL):
					l.wrong(at, 0, "", "has no link to leave; range over .Leave and show the .URL and .Text of each, as large receivers and many laws ask for")
				}
			}
		}
	}
}

func (l *loader) knownLanguage(of, ext string) {
	if _, ok := l.t.words[of]; of != "" && !ok {
		name := layoutName + "." + of + ext
		l.wrong(l.names[name], 0, "", "there are no words of this language; add %s.yaml", of)
	}
}

// layout is the path of the layout of a language.
func (l *loader) layout(language, ext string) string {
	if at, ok := l.names[layoutName+"."+language+ext]; ok {
		return at
	}
	return l.names[layoutName+ext]
}

func (t *Templates) writeText(v *view) (string, error) {
	layout := t.text[v.Language]
	if layout == nil {
		layout = t.text[""]
	}
	var out bytes.Buffer
	err := layout.Execute(&out, v)
	return out.String(), err
}

func (t *Templates) writeHTML(v *view) (string, error) {
	layout := t.html[v.Language]
	if layout == nil {
		layout = t.html[""]
	}
	var out bytes.Buffer
	err := layout.Execute(&out, v)
	if escaping, ok := errors.AsType[*htmltemplate.Error](err); ok && escaping.Line > 0 {
		err = fmt.Errorf("template: %s:%d: %s", layout.Name(), escaping.Line, escaping.Description)
	}
	return out.String(), err
}
