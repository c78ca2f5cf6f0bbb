//! Objects as a Helm template: what stands for a value becomes an action that gives it, and what
//! only looks like an action is left as it is.

use anyhow::ensure;
use serde_json::{Value, json};

/// What stands for what: a word that is nowhere else, and the expression that it stands for.
pub(super) type Tokens = &'static [(&'static str, &'static str)];

/// Key of an entry that stands for what a named template of the chart gives. It comes last in its
/// map, which is sorted.
const INCLUDE: &str = "zz-include ";

/// Has a map go on with what a named template of the chart gives.
pub(super) fn include(map: &mut Value, name: &str) {
    if !map.is_object() {
        *map = json!({});
    }
    map[format!("{INCLUDE}{name}")] = json!(0);
}

/// The objects as a template, rendered where the condition holds.
pub(super) fn template(
    objects: &[Value],
    condition: Option<&str>,
    tokens: Tokens,
) -> anyhow::Result<String> {
    let mut text = String::new();
    for object in objects {
        text.push_str("---\n");
        // An action would end up between quotes of its own, or be folded: it is put in where the
        // text is finished.
        for line in serde_saphyr::to_string(object)?.replace("{{", "{{ \"{{\" }}").lines() {
            text.push_str(&included(line).unwrap_or_else(|| filled(line, tokens)));
            text.push('\n');
        }
    }
    ensure!(!text.contains(INCLUDE), "an include is not on a line of its own");
    Ok(match condition {
        Some(condition) => format!("{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n"),
        None => text,
    })
}

/// The action that a line stands for.
fn included(line: &str) -> Option<String> {
    let start = line.trim_start_matches([' ', '-']);
    let name = start.strip_prefix(INCLUDE)?.strip_suffix(": 0")?;
    let depth = line.len() - start.len();
    Some(format!("{0:depth$}{{{{- include \"{name}\" . | nindent {depth} }}}}", ""))
}

/// The line, with what its tokens stand for. A value that is nothing but a token is quoted: a name of
/// digits alone would be a number.
fn filled(line: &str, tokens: Tokens) -> String {
    let mut line = line.to_owned();
    for (token, expression) in tokens {
        for before in [": ", "- "] {
            if let Some(start) = line.strip_suffix(token).filter(|start| start.ends_with(before)) {
                return format!("{start}{{{{ {expression} | quote }}}}");
            }
        }
        line = line.replace(token, &format!("{{{{ {expression} }}}}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: Tokens = &[("its-namespace", ".Release.Namespace")];

    #[test]
    fn tokens_become_actions_and_braces_stay_braces() {
        let object = json!({
            "a": "its-namespace",
            "b": "system:its-namespace:tenure",
            "c": "object.x == '{{' && {}",
            "d": ["its-namespace"],
        });
        assert_eq!(
            template(&[object], None, TOKENS).expect("a template"),
            "---\n\
             a: {{ .Release.Namespace | quote }}\n\
             b: system:{{ .Release.Namespace }}:tenure\n\
             c: object.x == '{{ \"{{\" }}' && {}\n\
             d:\n- {{ .Release.Namespace | quote }}\n"
        );
    }

    #[test]
    fn what_is_included_is_as_deep_as_its_neighbours() {
        let mut object = json!({"metadata": {"labels": {"a": "b"}}, "list": [{}]});
        include(&mut object["metadata"]["labels"], "labels");
        include(&mut object["metadata"]["annotations"], "annotations");
        assert_eq!(
            template(&[object], Some(".Values.on"), TOKENS).expect("a template"),
            "{{- if .Values.on }}\n---\n\
             list:\n- {}\n\
             metadata:\n  annotations:\n    {{- include \"annotations\" . | nindent 4 }}\n  \
             labels:\n    a: b\n    {{- include \"labels\" . | nindent 4 }}\n\
             {{- end }}\n"
        );
    }
}
