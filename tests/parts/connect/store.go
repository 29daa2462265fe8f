package connect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// A store holds the items of the one vault. As with the real server, writes go
// to 1Password at once, while reads are answered from a copy that follows some
// time later.
type store struct {
	file string
	lag  time.Duration

	mu    sync.Mutex
	items map[string][]state // by identifier
}

// A state is what an item was from a moment on; no item if it was deleted.
type state struct {
	since time.Time
	item  *item
}

var (
	errNotFound = errors.New("Item not found")
	errConflict = errors.New("Conflict: the item was changed meanwhile")
)

// open reads what an earlier run has left in the file.
func open(file string, lag time.Duration) (*store, error) {
	s := &store{file: file, lag: lag, items: map[string][]state{}}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	var items []item
	if err := json.Unmarshal(text, &items); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, i := range items {
		s.items[i.ID] = []state{{item: &i}}
	}
	return s, nil
}

// list gives the items that reads see.
func (s *store) list() []item {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := []item{}
	for id := range s.items {
		if i := s.seen(id); i != nil {
			items = append(items, *i)
		}
	}
	return items
}

func (s *store) get(id string) (item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.seen(id); i != nil {
		return *i, nil
	}
	return item{}, errNotFound
}

func (s *store) create(i item) (item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i = i.tidied()
	i.ID, i.Version = newID(), 1
	i.CreatedAt = time.Now().UTC()
	i.UpdatedAt = i.CreatedAt
	return i, s.write(i.ID, &i)
}

// replace answers with the version that was sent, not with the one it has made,
// and refuses a version that is no longer the last: as the real server does,
// see UpdateItem and RetryOnConflict in 1Password's Terraform provider.
func (s *store) replace(id string, i item) (item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.truth(id)
	if old == nil {
		return item{}, errNotFound
	}
	if i.Version != 0 && i.Version != old.Version {
		return item{}, errConflict
	}
	i = i.tidied()
	i.ID, i.Version = id, old.Version+1
	i.CreatedAt, i.UpdatedAt = old.CreatedAt, time.Now().UTC()
	if err := s.write(id, &i); err != nil {
		return item{}, err
	}
	answer := i
	answer.Version = old.Version
	return answer, nil
}

func (s *store) remove(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.truth(id) == nil {
		return errNotFound
	}
	return s.write(id, nil)
}

func (s *store) truth(id string) *item {
	states := s.items[id]
	if len(states) == 0 {
		return nil
	}
	return states[len(states)-1].item
}

func (s *store) seen(id string) *item {
	var seen *item
	horizon := time.Now().Add(-s.lag)
	for _, state := range s.items[id] {
		if !state.since.After(horizon) {
			seen = state.item
		}
	}
	return seen
}

func (s *store) write(id string, i *item) error {
	s.items[id] = append(s.items[id], state{time.Now(), i})
	all := []item{}
	for id := range s.items {
		if i := s.truth(id); i != nil {
			all = append(all, *i)
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(s.file+".new", s.file)
}
