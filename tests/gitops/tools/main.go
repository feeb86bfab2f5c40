// Judges objects as Flux and Argo CD do.
//
// Reads objects from standard input, one JSON document after the other, and writes a line of JSON for each: what kstatus
// computes, which Flux waits by, and what the health script that is named says, which Argo CD shows.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type judgement struct {
	Kstatus        string `json:"kstatus"`
	KstatusMessage string `json:"kstatusMessage"`
	Argo           string `json:"argo"`
	ArgoMessage    string `json:"argoMessage"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gitops-health:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	if len(os.Args) != 2 {
		return errors.New("usage: gitops-health HEALTH.LUA <objects.json")
	}
	script, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	objects, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var object unstructured.Unstructured
		if err := objects.Decode(&object.Object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		judged, err := judge(&object, string(script))
		if err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		if err := answers.Encode(judged); err != nil {
			return err
		}
	}
}

func judge(object *unstructured.Unstructured, script string) (judgement, error) {
	computed, err := status.Compute(whole(object))
	if err != nil {
		return judgement{}, fmt.Errorf("kstatus: %w", err)
	}
	health, message, err := argo(object, script)
	if err != nil {
		return judgement{}, fmt.Errorf("health script: %w", err)
	}
	return judgement{string(computed.Status), computed.Message, health, message}, nil
}

// JSON has one kind of number, and kstatus asks for whole ones.
func whole(object *unstructured.Unstructured) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: wholeNumbers(object.Object).(map[string]any)}
}

func wholeNumbers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		changed := make(map[string]any, len(value))
		for key, member := range value {
			changed[key] = wholeNumbers(member)
		}
		return changed
	case []any:
		changed := make([]any, len(value))
		for at, item := range value {
			changed[at] = wholeNumbers(item)
		}
		return changed
	case float64:
		if value == float64(int64(value)) {
			return int64(value)
		}
	}
	return value
}

// Runs the script as Argo CD does: `obj` is the object, and of Lua's libraries there are only the basic one and those
// for tables and modules.
func argo(object *unstructured.Unstructured, script string) (string, string, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(library.open), NRet: 0, Protect: true}, lua.LString(library.name)); err != nil {
			return "", "", err
		}
	}
	state.SetGlobal("obj", fromJSON(state, object.Object))
	if err := state.DoString(script); err != nil {
		return "", "", err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return "", "", errors.New("it returns no table")
	}
	health, message := table.RawGetString("status").String(), table.RawGetString("message").String()
	switch health {
	case "Healthy", "Progressing", "Degraded", "Suspended":
		return health, message, nil
	}
	return "", "", fmt.Errorf("%q is no health", health)
}

func fromJSON(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case float64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		table := state.CreateTable(len(value), 0)
		for _, item := range value {
			table.Append(fromJSON(state, item))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for key, member := range value {
			table.RawSetString(key, fromJSON(state, member))
		}
		return table
	}
	return lua.LNil
}
