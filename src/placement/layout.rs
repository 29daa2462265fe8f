use super::{Destination, Error, Group, Layout};
use crate::policy::{Checked, CheckedFile};
use crate::store::{Footprint, Place};
use crate::values::{Map, RelPath, RequestKey};

/// Lays the files of `groups` out at a destination, in its layout.
pub(super) fn lay_out(
    request: &RequestKey,
    checked: &Checked,
    destination: &Destination,
    groups: &[Group],
) -> Result<Place, Error> {
    let files: Vec<(&RelPath, &CheckedFile)> =
        checked.files().iter().filter(|(path, _)| groups.iter().any(|g| g.files.contains(path))).collect();
    let footprint = match &destination.layout {
        Layout::Nested => Footprint::Exclusive {
            dir: destination.path.join(&request_directory(request, destination)?),
            files: files.iter().map(|(path, file)| ((*path).clone(), file.bytes.clone())).collect(),
            clears: checked
                .supersedes()
                .iter()
                .map(|other| Ok(destination.path.join(&request_directory(other, destination)?)))
                .collect::<Result<_, Error>>()?,
        },
        Layout::Flat => Footprint::Shared { files: flat(&files, destination)? },
        Layout::Aggregated { file } => {
            Footprint::Fragment { file: destination.path.join(file), documents: documents(&files, destination)? }
        }
    };
    Ok(Place {
        destination: destination.name.clone(),
        directories: groups.iter().map(|g| g.directory.clone()).collect(),
        footprint,
        objects: files.iter().filter_map(|(_, f)| f.object.clone()).collect(),
    })
}

/// `resources/<namespace>/<promise>/<name>`, as Kratix lays its trees out.
fn request_directory(request: &RequestKey, destination: &Destination) -> Result<RelPath, Error> {
    let RequestKey { namespace, promise, name } = request;
    parse(&format!("resources/{namespace}/{promise}/{name}"), destination)
}

fn flat(files: &[(&RelPath, &CheckedFile)], destination: &Destination) -> Result<Map<RelPath, Vec<u8>>, Error> {
    files
        .iter()
        .map(|(path, file)| {
            let whole = destination.path.join(path);
            parse(whole.as_str(), destination).map(|p| (p, file.bytes.clone()))
        })
        .collect()
}

fn documents(files: &[(&RelPath, &CheckedFile)], destination: &Destination) -> Result<Vec<String>, Error> {
    let text = |(path, file): &(&RelPath, &CheckedFile)| {
        let refused = || Error::NotAggregatable { file: (*path).clone(), destination: destination.name.clone() };
        let bytes = file.is_document.then(|| file.bytes.clone()).ok_or_else(refused)?;
        String::from_utf8(bytes).map_err(|_| refused())
    };
    files.iter().map(text).collect()
}

/// Joined paths can be too long although their parts are not.
fn parse(path: &str, destination: &Destination) -> Result<RelPath, Error> {
    path.parse().map_err(|e: crate::values::PathError| Error::Path {
        destination: destination.name.clone(),
        why: e.to_string(),
    })
}
