package vendorfake

import (
	"bytes"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// githubAssetMost is how many bytes a picture may have.
const githubAssetMost = 10 << 20

// shown answers the files that a text shows: those whose address it holds.
func (g *GitHub) shown(text string) []File {
	g.mu.Lock()
	defer g.mu.Unlock()
	var files []File
	for _, known := range []map[string]File{g.assets, g.committed} {
		for address, file := range known {
			if strings.Contains(text, address) {
				files = append(files, file)
			}
		}
	}
	return files
}

// asset takes pictures and videos of people who may write.
func (g *GitHub) asset(w http.ResponseWriter, r *Request) {
	query := r.URL.Query()
	if g.isApp(r) || g.settings().readOnly || query.Get("repository_id") != strconv.Itoa(githubRepoID) {
		githubRefuse(w, http.StatusNotFound, "Not Found")
		return
	}
	id := g.number()
	file, err := Read(id, query.Get("name"), r.Body)
	switch {
	case err != nil:
		githubRefuse(w, http.StatusBadRequest, "Bad Request")
		return
	case file.Size > githubAssetMost && strings.HasPrefix(query.Get("content_type"), "image/"):
		githubRefuse(w, http.StatusRequestEntityTooLarge, "The file is too large")
		return
	}
	address := "https://github.com/user-attachments/assets/" + id
	g.mu.Lock()
	g.assets[address] = file
	g.mu.Unlock()
	Answer(w, http.StatusCreated, map[string]any{"url": address})
}

// Branches lists the branches, and where each began.
func (g *GitHub) Branches() map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.branches)
}

// Committed answers the addresses of the files that were committed.
func (g *GitHub) Committed() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.committed))
}

func (g *GitHub) ref(w http.ResponseWriter, r *Request) {
	if g.settings().empty {
		githubRefuse(w, http.StatusConflict, "Git Repository is empty.")
		return
	}
	name := strings.TrimPrefix(r.Params["ref"], "heads/")
	sha, ok := g.Branches()[name]
	if !ok {
		githubRefuse(w, http.StatusNotFound, "Not Found")
		return
	}
	Answer(w, http.StatusOK, githubRef(name, sha))
}

func (g *GitHub) makeRef(w http.ResponseWriter, r *Request) {
	var said struct{ Ref, SHA string }
	_ = r.JSON(&said) // valid by the description
	name := strings.TrimPrefix(said.Ref, "refs/heads/")
	g.mu.Lock()
	_, there := g.branches[name]
	if !there {
		g.branches[name] = said.SHA
	}
	g.mu.Unlock()
	switch {
	case g.settings().readOnly:
		githubRefuse(w, http.StatusForbidden, "Resource not accessible by personal access token")
	case there:
		githubRefuse(w, http.StatusUnprocessableEntity, "Reference already exists")
	default:
		Answer(w, http.StatusCreated, githubRef(name, said.SHA))
	}
}

func githubRef(name, sha string) map[string]any {
	return map[string]any{"ref": "refs/heads/" + name, "object": map[string]any{"type": "commit", "sha": sha}}
}

func (g *GitHub) commit(w http.ResponseWriter, r *Request) {
	var said struct{ Message, Content, Branch, SHA string }
	_ = r.JSON(&said) // valid by the description
	data, err := base64.StdEncoding.DecodeString(said.Content)
	if err != nil {
		githubRefuse(w, http.StatusUnprocessableEntity, "content is not valid Base64.")
		return
	}
	path := r.Params["path"]
	file, _ := Read(g.number(), path[strings.LastIndex(path, "/")+1:], bytes.NewReader(data))
	address := "https://github.com/" + githubOwner + "/" + githubRepo + "/blob/" + said.Branch + "/" + (&url.URL{Path: path}).EscapedPath()
	g.mu.Lock()
	_, branch := g.branches[said.Branch]
	_, there := g.committed[address]
	if branch && !there {
		g.committed[address] = file
	}
	g.mu.Unlock()
	switch {
	case g.settings().readOnly:
		githubRefuse(w, http.StatusForbidden, "Resource not accessible by personal access token")
	case !branch:
		githubRefuse(w, http.StatusNotFound, "Branch "+said.Branch+" not found")
	case there:
		githubRefuse(w, http.StatusUnprocessableEntity, "Invalid request.\n\n\"sha\" wasn't supplied.")
	default:
		Answer(w, http.StatusCreated, map[string]any{"content": map[string]any{"path": path, "html_url": address, "size": file.Size}, "commit": map[string]any{"message": said.Message}})
	}
}
