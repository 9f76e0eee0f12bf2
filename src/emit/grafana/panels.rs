//! Defines the few kinds of panels in our dashboards, and arranges them in rows.

use serde_json::{Map, Value, json};

/// The width of a dashboard in Grafana's units.
const COLUMNS: u32 = 24;

/// A panel that has no position yet.
pub(super) struct Panel {
    kind: &'static str,
    title: String,
    width: u32,
    height: u32,
    targets: Vec<Value>,
    defaults: Map<String, Value>,
    options: Value,
    transformations: Vec<Value>,
}

/// The way a series is queried: over the whole range, or its newest value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Query {
    Range,
    Newest,
}

fn targets(queries: &[(&str, &str)], query: Query) -> Vec<Value> {
    queries
        .iter()
        .zip('A'..)
        .map(|((expression, legend), letter)| {
            json!({
                "refId": letter,
                "expr": expression,
                "legendFormat": legend,
                "instant": query == Query::Newest,
                "range": query == Query::Range,
            })
        })
        .collect()
}

fn defaults(unit: &str) -> Map<String, Value> {
    Map::from_iter([("unit".to_owned(), json!(unit))])
}

/// Makes a panel that draws series over time.
pub(super) fn time_series(title: &str, unit: &str, queries: &[(&str, &str)]) -> Panel {
    let mut defaults = defaults(unit);
    defaults.insert(
        "custom".to_owned(),
        json!({"fillOpacity": 10, "lineWidth": 1, "showPoints": "never"}),
    );
    Panel {
        kind: "timeseries",
        title: title.to_owned(),
        width: 12,
        height: 8,
        targets: targets(queries, Query::Range),
        defaults,
        options: json!({
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }),
        transformations: Vec::new(),
    }
}

/// Makes a panel that shows the newest values as numbers, in a neutral colour. Grafana's default
/// turns red from 80 on, whatever the unit.
pub(super) fn stat(title: &str, unit: &str, query: (&str, &str)) -> Panel {
    let mut defaults = defaults(unit);
    defaults.insert("color".to_owned(), json!({"mode": "fixed", "fixedColor": "blue"}));
    Panel {
        kind: "stat",
        title: title.to_owned(),
        width: 6,
        height: 4,
        targets: targets(&[query], Query::Newest),
        defaults,
        options: json!({
            "reduceOptions": {"calcs": ["lastNotNull"]},
            "colorMode": "background",
            "graphMode": "none",
            "textMode": "auto",
        }),
        transformations: Vec::new(),
    }
}

/// Makes a panel that shows how full things are.
pub(super) fn bar_gauge(title: &str, unit: &str, query: (&str, &str)) -> Panel {
    let options = json!({
        "reduceOptions": {"calcs": ["lastNotNull"]},
        "displayMode": "gradient",
        "orientation": "horizontal",
    });
    Panel { kind: "bargauge", width: 12, height: 8, options, ..stat(title, unit, query) }
}

/// Makes a panel that lists the newest values with the given labels.
pub(super) fn table(title: &str, expression: &str, labels: &[&str]) -> Panel {
    let mut targets = targets(&[(expression, "")], Query::Newest);
    for target in &mut targets {
        target["format"] = json!("table");
    }
    let transformation =
        json!({"id": "filterFieldsByName", "options": {"include": {"names": labels}}});
    Panel {
        kind: "table",
        width: 12,
        height: 8,
        targets,
        options: json!({"showHeader": true}),
        transformations: vec![transformation],
        ..stat(title, "none", ("", ""))
    }
}

/// Makes a panel that shows Markdown.
pub(super) fn text(title: &str, markdown: &str) -> Panel {
    Panel {
        kind: "text",
        title: title.to_owned(),
        width: 12,
        height: 8,
        targets: Vec::new(),
        defaults: Map::new(),
        options: json!({"mode": "markdown", "content": markdown}),
        transformations: Vec::new(),
    }
}

impl Panel {
    /// Sets the size.
    pub(super) fn sized(self, width: u32, height: u32) -> Self {
        Self { width, height, ..self }
    }

    /// Colours values: `first` is the lowest colour, and each other one applies from its value on.
    pub(super) fn coloured(mut self, first: &str, others: &[(f64, &str)]) -> Self {
        let mut steps = vec![json!({"color": first, "value": null})];
        steps.extend(others.iter().map(|(value, color)| json!({"color": color, "value": value})));
        self.defaults.insert("thresholds".to_owned(), json!({"mode": "absolute", "steps": steps}));
        self.defaults.insert("color".to_owned(), json!({"mode": "thresholds"}));
        self
    }

    /// Shows 1 as up and 0 as down.
    pub(super) fn up_or_down(mut self) -> Self {
        let options =
            json!({"0": {"text": "down", "color": "red"}, "1": {"text": "up", "color": "green"}});
        self.defaults.insert("mappings".to_owned(), json!([{"type": "value", "options": options}]));
        self
    }

    /// Sets the lowest and highest value of the axis.
    pub(super) fn between(mut self, low: u32, high: u32) -> Self {
        self.defaults.insert("min".to_owned(), json!(low));
        self.defaults.insert("max".to_owned(), json!(high));
        self
    }
}

/// A dashboard.
pub(super) struct Board<'b> {
    /// Its id in links. It is fixed, so that links survive a new installation.
    pub(super) uid: &'b str,
    /// Its title.
    pub(super) title: String,
    /// The datasource's uid.
    pub(super) datasource: &'b str,
    /// Variables to choose from: the name, and the `PromQL` that lists the values.
    pub(super) variables: &'b [(&'b str, &'b str)],
    /// Its panels, in reading order.
    pub(super) panels: Vec<Panel>,
}

impl Board<'_> {
    /// Arranges the panels in rows, and writes the dashboard.
    pub(super) fn json(self) -> Value {
        let datasource = json!({"type": "prometheus", "uid": self.datasource});
        let (mut x, mut y, mut tallest) = (0, 0, 0);
        let mut panels = Vec::new();
        for (id, panel) in (1_u32..).zip(self.panels) {
            if x + panel.width > COLUMNS {
                (x, y, tallest) = (0, y + tallest, 0);
            }
            let place = json!({"x": x, "y": y, "w": panel.width, "h": panel.height});
            x += panel.width;
            tallest = tallest.max(panel.height);
            panels.push(json!({
                "id": id,
                "type": panel.kind,
                "title": panel.title,
                "gridPos": place,
                "datasource": datasource,
                "targets": panel.targets,
                "fieldConfig": {"defaults": panel.defaults, "overrides": []},
                "options": panel.options,
                "transformations": panel.transformations,
            }));
        }
        let variables = self.variables.iter().map(|(name, query)| {
            json!({
                "name": name,
                "type": "query",
                "datasource": datasource,
                "query": {"query": query, "refId": "A"},
                "definition": query,
                "refresh": 2,
                "sort": 1,
                "multi": true,
                "includeAll": true,
                "current": {"text": ["All"], "value": ["$__all"]},
            })
        });
        json!({
            "uid": self.uid,
            "title": self.title,
            "tags": ["labwright"],
            "schemaVersion": 39,
            "version": 1,
            "editable": false,
            "refresh": "1m",
            "time": {"from": "now-6h", "to": "now"},
            "templating": {"list": variables.collect::<Vec<_>>()},
            "panels": panels,
        })
    }
}
