//! What is logged, while the service runs.

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::done;
use crate::admin::problem::Problem;
use crate::admin::program::{Context, LogLevel};
use crate::admin::routes::{Answer, Api, Shared, Told};
use crate::admin::serve::Visitor;

pub(super) fn add(api: &mut Api) {
    const FOREIGN: &str = "The log is not the service's own.";
    api.get("/v1/log/level", "logLevel", "What is logged", level)
        .answers::<Level>("As configured, and now.")
        .fails(StatusCode::NOT_IMPLEMENTED, FOREIGN);
    api.post("/v1/log/level", "setLogLevel", "Log something else, until the service ends", set)
        .told::<NewLevel>()
        .answers::<Level>("It is logged from now on.")
        .fails(StatusCode::BAD_REQUEST, "It is no level.")
        .fails(StatusCode::NOT_IMPLEMENTED, FOREIGN);
}

/// What is logged.
#[derive(Serialize, JsonSchema)]
struct Level {
    /// `log.level`.
    configured: String,
    /// What is logged now.
    level: String,
}

/// What most people write of it, for a document.
const PATTERN: &str =
    "^([a-z_:]+=)?(off|error|warn|info|debug|trace)(,([a-z_:]+=)?(off|error|warn|info|debug|trace))*$";

/// What is to be logged.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["level"]))]
struct NewLevel {
    /// In the syntax of `log.level`, as "debug" or "info,terima=debug"; null is what is configured.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schemars(regex(pattern = PATTERN))]
    level: Option<String>,
}

async fn level(State(context): State<Shared>) -> Result<Answer<Level>, Problem> {
    Ok(Answer(now(log(&context)?)))
}

async fn set(
    State(context): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Told(new): Told<NewLevel>,
) -> Result<Answer<Level>, Problem> {
    let log = log(&context)?;
    match &new.level {
        Some(level) => {
            log.set(level).map_err(Problem::bad)?;
            done(&visitor, "log level", level);
        }
        None => {
            log.restore();
            done(&visitor, "log level", "as configured");
        }
    }
    Ok(Answer(now(log)))
}

fn log(context: &Context) -> Result<&dyn LogLevel, Problem> {
    context.program.log().ok_or_else(|| {
        Problem::new(StatusCode::NOT_IMPLEMENTED, "the log is not the service's own")
            .help("ask the program that it runs in")
    })
}

fn now(log: &dyn LogLevel) -> Level {
    Level { configured: log.configured(), level: log.now() }
}
