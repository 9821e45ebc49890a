//! What the command's tests share.

/// As much of a JSON schema as the report's has.
pub fn check(value: &serde_json::Value, schema: &serde_json::Value, at: &str) {
    if let Some(constant) = schema.get("const") {
        assert_eq!(value, constant, "{at}");
    }
    if let Some(values) = schema.get("enum").and_then(|v| v.as_array()) {
        assert!(values.contains(value), "{at}: {value}");
    }
    let is = |kind: &serde_json::Value| match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{at}: the schema says {other}"),
    };
    match schema.get("type") {
        Some(serde_json::Value::Array(kinds)) => assert!(kinds.iter().any(is), "{at}: {value}"),
        Some(kind) => assert!(is(kind), "{at}: {value}"),
        None => {}
    }
    if let (Some(object), Some(properties)) = (value.as_object(), schema.get("properties")) {
        for (name, inner) in object {
            let schema = properties.get(name);
            check(
                inner,
                schema.unwrap_or_else(|| panic!("{at}.{name} is not in the schema")),
                &format!("{at}.{name}"),
            );
        }
        for name in schema["required"].as_array().unwrap() {
            assert!(
                object.contains_key(name.as_str().unwrap()),
                "{at}.{name} is missing"
            );
        }
    }
    if let (Some(array), Some(schema)) = (value.as_array(), schema.get("items")) {
        array
            .iter()
            .for_each(|inner| check(inner, schema, &format!("{at}[]")));
    }
}
