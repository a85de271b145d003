//! One measured figure and the goal it is held against.

use std::fmt;

use serde_json::{Value, json};

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// It is shown and not judged.
    Shown,
}

/// A figure.
pub(super) struct Figure {
    /// What was done.
    pub(super) work: String,
    pub(super) value: f64,
    /// Of `value`; empty for a ratio.
    pub(super) unit: &'static str,
    pub(super) goal: Goal,
    /// What it was made from.
    pub(super) detail: String,
}

impl Figure {
    pub(super) fn met(&self) -> bool {
        match self.goal {
            Goal::AtLeast(goal) => self.value >= goal,
            Goal::AtMost(goal) => self.value <= goal,
            Goal::Shown => true,
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let (relation, goal) = match self.goal {
            Goal::AtLeast(goal) => (">=", Some(goal)),
            Goal::AtMost(goal) => ("<=", Some(goal)),
            Goal::Shown => ("", None),
        };
        json!({
            "work": self.work, "value": self.value, "unit": self.unit, "relation": relation, "goal": goal,
            "met": self.met(), "detail": self.detail,
        })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            work,
            value,
            unit,
            detail,
            ..
        } = self;
        let digits = if value.abs() < 100.0 { 2 } else { 0 };
        write!(f, "{work}: {value:.digits$} {unit}")?;
        match self.goal {
            Goal::AtLeast(goal) => write!(f, " [goal >= {goal}]")?,
            Goal::AtMost(goal) => write!(f, " [goal <= {goal}]")?,
            Goal::Shown => {}
        }
        if !self.met() {
            f.write_str(" SHORT")?;
        }
        write!(f, " ({detail})")
    }
}

#[cfg(test)]
mod tests {
    use super::{Figure, Goal};

    #[test]
    fn a_goal_is_met_on_its_own_side() {
        let figure = |value, goal| Figure {
            work: "a".to_owned(),
            value,
            unit: "",
            goal,
            detail: String::new(),
        };
        for (value, goal, met) in [
            (0.5, Goal::AtLeast(0.5), true),
            (0.4, Goal::AtLeast(0.5), false),
            (60.0, Goal::AtMost(60.0), true),
            (61.0, Goal::AtMost(60.0), false),
            (0.0, Goal::Shown, true),
        ] {
            assert_eq!(figure(value, goal).met(), met, "{value} {goal:?}");
        }
        let short = figure(0.4, Goal::AtLeast(0.5)).to_string();
        assert!(short.contains("SHORT"), "{short}");
    }
}
