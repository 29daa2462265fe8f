// Reads a JSON array of entities on standard input and judges each as a Backstage catalog does when
// it takes one in. Answers a JSON array: null for a good Group, else what is wrong with it.

import {
  DefaultNamespaceEntityPolicy,
  FieldFormatEntityPolicy,
  NoForeignRootFieldsEntityPolicy,
  SchemaValidEntityPolicy,
  groupEntityV1alpha1Validator,
} from '@backstage/catalog-model';

const policies = [
  new SchemaValidEntityPolicy(),
  new DefaultNamespaceEntityPolicy(),
  new NoForeignRootFieldsEntityPolicy(),
  new FieldFormatEntityPolicy(),
];

async function judge(entity) {
  try {
    let current = entity;
    for (const policy of policies) {
      current = await policy.enforce(current);
    }
    return (await groupEntityV1alpha1Validator.check(current)) ? null : 'is no Group of backstage.io/v1alpha1';
  } catch (error) {
    return String(error.message ?? error);
  }
}

let text = '';
for await (const chunk of process.stdin.setEncoding('utf8')) {
  text += chunk;
}
process.stdout.write(JSON.stringify(await Promise.all(JSON.parse(text).map(judge))));
